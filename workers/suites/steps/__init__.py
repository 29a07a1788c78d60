"""One step: put together, performed, judged."""
