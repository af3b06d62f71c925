"""One suite for all clients that the library is used with."""
