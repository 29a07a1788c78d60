"""Reports of a run: JSON for programs, JUnit XML for CI, HTML for people, HAR for proxies and browsers."""

from workers.suites.reports.writing import write_reports, written

__all__ = ["write_reports", "written"]
