"""HTML: readable, harmless, complete in itself, and not too long."""

from pathlib import Path

from tests.workers.suites.reports.conftest import Written
from workers.suites.reports import html


def test_look(written: Written) -> None:
    Path("/tmp/helperF/look.html").write_bytes(written(html.write))
