"""Compare runs: ratios of step time from processes that ran in turns, with their uncertainty."""
