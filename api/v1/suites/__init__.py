"""Automated tests: cases, suites, environments and runs."""

from api.v1.suites import cases as cases
from api.v1.suites import environments as environments
from api.v1.suites import reviews as reviews
from api.v1.suites import suites as suites
from api.v1.suites.place import bp

__all__ = ["bp"]
