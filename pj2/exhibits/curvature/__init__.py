"""The Hessian at trained weights."""
