"""Scenarios at the press of a button, where a stack for trying things has who plays them."""
