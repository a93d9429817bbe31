"""Train on scans that the training process stretches itself, while the device waits."""

from network import parse, train

if __name__ == "__main__":
    train(0, parse())
