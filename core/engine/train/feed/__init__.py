"""What a run is fed with: pictures, words and chance, as functions of positions and a seed."""
