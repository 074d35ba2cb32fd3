"""The model that ships with Heliograph: its pictures, its training and its measurements."""
