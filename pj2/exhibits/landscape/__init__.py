"""The band of training losses over learning rates."""
