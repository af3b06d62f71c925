"""The booking's rules, pure: its states, their table, and `decide`. No I/O, no clock, no ids."""
