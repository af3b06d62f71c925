"""What was set aside: dead letters, unrouted events and parked rows; looked at, and settled."""
