"""Automated tests: cases, suites, environments and runs."""

from api.v1.suites.place import bp

__all__ = ["bp"]
