"""Shows that it works: accuracy against planted truth, real programs, and what profiling costs."""
