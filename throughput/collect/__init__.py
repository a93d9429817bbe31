"""Turn a script into a run directory: the only code that starts or watches the training process."""
