"""Routes: what HTTP has beyond the verbs. Each module has ``routes()``."""
