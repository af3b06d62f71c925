"""The same bookings on engines for durable workflows, in turn on the same machine.

Each is written as its users write it, keeps what it answered for on the disk, and is installed for
the bench alone, in pinned versions, under .local/peers. What cannot be installed is left out, and
the reason is reported.
"""
