"""A run written down for people and other programs."""
