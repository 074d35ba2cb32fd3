"""What is left of a run whatever ends it: states, snapshots, and the way back to them."""
