"""What a model is surest of, and wrong about."""
