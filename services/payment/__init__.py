"""The payment service: knows every charge, captures on request, makes refunds."""
