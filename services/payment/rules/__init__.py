"""The rules of money, pure: states, inputs, tables, and `decide`. No I/O, no clock, no ids."""
