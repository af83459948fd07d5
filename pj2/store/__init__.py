"""Files that are either whole or absent, and the hashes that identify them."""
