"""Versions of knowledge bases as files: written out whole with their vectors, and read into a draft again."""
