"""Tasks: work on models that is no graph, as jobs of their own beside the others."""
