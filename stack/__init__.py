"""The embedded stack: everything runs on one machine, with no Docker and no servers set up.

`stack.embedded.Stack` brings all of it up; `stack.running.RunningStack` is a handle on one that is
up; `stack.servers` makes sure of the two servers, which are `postbox.embedded`. Production code
imports none of it.
"""
