"""The gateway's rules, pure: what a client may ask for, and the view that events add up to."""
