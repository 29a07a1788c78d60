"""Inbound hooks: outside events become jobs."""
