"""What a run draws of itself: samples and snapshots, by the nodes that draw all pictures."""
