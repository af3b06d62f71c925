"""The relay: publishes every committed outbox row, at least once, whatever is killed meanwhile.

Its rooms import downward only: lead → mark → read → publish → the base files beside this one.
"""
