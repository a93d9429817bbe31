"""Turn a run directory's raw files into a Timeline on one clock: one reader a raw file."""
