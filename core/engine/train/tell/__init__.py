"""What a run tells: the server, and trackers beside it."""
