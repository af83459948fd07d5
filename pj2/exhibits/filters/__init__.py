"""The filters of the first convolution."""
