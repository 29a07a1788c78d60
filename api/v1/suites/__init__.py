"""Automated tests: cases, suites, environments and runs."""

from api.v1.suites import badge as badge
from api.v1.suites import cases as cases
from api.v1.suites import coverage as coverage
from api.v1.suites import decisions as decisions
from api.v1.suites import environments as environments
from api.v1.suites import failures as failures
from api.v1.suites import generate as generate
from api.v1.suites import reports as reports
from api.v1.suites import reviews as reviews
from api.v1.suites import runs as runs
from api.v1.suites import suites as suites
from api.v1.suites import transfer as transfer
from api.v1.suites.place import bp

__all__ = ["bp"]
