"""Traces: received, kept, added up, read."""
