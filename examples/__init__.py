"""Services on postbox as a person would write them; they know no booking."""
