"""Loss and accuracy over epochs."""
