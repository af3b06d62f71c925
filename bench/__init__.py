"""Measurements of the whole on real servers, each beside a limit of the same servers' own."""
