"""What a step of a run is: what is asked of a network, how far off it is, what moves it."""
