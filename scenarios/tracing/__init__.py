"""The spans of a run: received, and drawn as a tree."""
