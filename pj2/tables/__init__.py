"""Tables: pure functions of recorded runs, and what writes them as files. No torch."""
