"""A study as a folder that can be published: weights, records, tables, model cards, checksums."""
