"""Built-in nodes, written with the same API as a user's."""
