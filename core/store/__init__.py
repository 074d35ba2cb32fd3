"""SQL lives here and nowhere else: one file of functions for each table, one writer for all."""
