"""The execution of a run, and what is remembered of it."""
