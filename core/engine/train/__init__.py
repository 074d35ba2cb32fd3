"""Training: DreamBooth runs on the same device, under the same baton, as pictures."""
