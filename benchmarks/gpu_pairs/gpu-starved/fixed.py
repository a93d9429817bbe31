"""The fixed twin: eight workers stretch the scans."""

from network import parse, train

if __name__ == "__main__":
    train(8, parse())
