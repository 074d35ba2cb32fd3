"""Models: families, files, and what text encoders and autoencoders do. Knows no loop."""
