"""Nouns that the stages exchange: frozen values that import nothing of ours but `units` and `errors`."""
