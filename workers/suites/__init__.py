"""Automated tests: cases, environments, runs, what is remembered of them and how it is shown."""
