"""What a run is, on disk and in the store. No torch."""
