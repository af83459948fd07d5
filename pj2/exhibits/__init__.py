"""What a study shows: figures, tables and charts, a folder a topic. No torch."""
