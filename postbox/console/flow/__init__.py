"""The flow of a subject, or of a trace: who emitted what, who took it up, and what followed."""
