"""Templates that users start from: a new model, a new study."""
