"""What the levels of factors are worth."""
