"""Attribute every nanosecond of every clean step to exactly one category, and to the code that caused it."""
