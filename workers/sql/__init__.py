"""Databases: their tables from DDL or a live connection, and read-only queries."""
