"""Batches: many jobs in one call, with one id, one progress and one end."""
