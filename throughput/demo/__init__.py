"""Holds a small training program with one planted mistake, which `throughput demo` profiles.

`train.py` is run as a user's script: its neighbours are imported from its own folder, not from this package.
"""
