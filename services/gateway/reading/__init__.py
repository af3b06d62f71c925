"""What a caller may read: a booking, as it is and as it changes; lists; what is taken."""
