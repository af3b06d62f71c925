"""The payment service: knows every charge, captures what is asked for, gives back what is owed."""
