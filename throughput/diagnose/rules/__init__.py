"""The built-in rules, one file each: facts -> a finding or None. Third parties add theirs by entry points."""

from __future__ import annotations

from throughput.diagnose.rules import (
    compressed_read,
    gil_bound_thread,
    lock_in_pipeline,
    lock_in_training_thread,
    no_workers,
    pandas_in_dataset,
    python_loop_in_dataset,
    redundant_copies,
    slow_decode,
    slow_transform,
    too_few_workers,
)
from throughput.model.finding import Rule

RULES: tuple[Rule, ...] = (
    slow_transform.RULE,
    slow_decode.RULE,
    python_loop_in_dataset.RULE,
    pandas_in_dataset.RULE,
    compressed_read.RULE,
    no_workers.RULE,
    too_few_workers.RULE,
    lock_in_pipeline.RULE,
    lock_in_training_thread.RULE,
    gil_bound_thread.RULE,
    redundant_copies.RULE,
)
"""Every built-in rule; a new one is added here."""
