"""Turn a recorded run into a model of its loop and loader, and replay it as it was, and with a cause gone."""
