"""Whether what came back is what was expected."""
