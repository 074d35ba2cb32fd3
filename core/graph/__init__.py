"""Pure functions over graphs: nothing here waits, reads a file or knows a model."""
