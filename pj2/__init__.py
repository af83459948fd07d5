"""pj2: CNNs on CIFAR-10, compared, and the loss landscape with and without BatchNorm."""

__version__ = "0.1.0"
