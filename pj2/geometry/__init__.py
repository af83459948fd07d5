"""The shape of a loss around a point, measured with the loss and its parameters alone."""
