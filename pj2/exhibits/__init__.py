"""The figures, tables and charts of a study, one folder per topic. Nothing here imports torch."""
