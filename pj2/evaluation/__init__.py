"""Evaluation of trained models: scores, predictions, and the loss around the weights."""
