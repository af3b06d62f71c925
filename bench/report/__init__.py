"""What was measured, as a table, as a picture, and against its targets."""
