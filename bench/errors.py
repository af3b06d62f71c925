"""What makes a measurement worthless."""


class BenchFailed(Exception):
    """Something was lost, refused, late or out of order: no figure of this run can be trusted."""
