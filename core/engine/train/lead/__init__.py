"""A run as a job of the engine: what is opened for it, what it is asked, how it ends."""
