"""A run that several devices share: a process for each, and one that watches them."""
