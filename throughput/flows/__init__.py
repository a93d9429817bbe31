"""Order the stages, one file a verb: the only layer that knows more than one of them."""
