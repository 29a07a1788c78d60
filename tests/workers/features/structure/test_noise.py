"""What is no feature."""

import pytest

from tests.workers.features.seen import request, stored
from workers.features.structure.summaries import summarise


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/health", 200),
        ("GET", "/api/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/static/app.js", 200),
        ("GET", "/logo.png", 200),
        ("GET", "/wp-admin/setup.php", 404),
        ("GET", "/unknown", 404),
        ("OPTIONS", "/orders", 204),
    ],
)
def test_probes_files_and_what_nobody_found_are_noise(method: str, path: str, code: int) -> None:
    assert summarise(stored(request(method, path, code=code))).details["noise"]


@pytest.mark.parametrize(("path", "route"), [("/orders/1/status", None), ("/badge.svg", "/{name}.svg"), ("/", None)])
def test_what_the_program_has_a_route_for_is_its_own(path: str, route: str | None) -> None:
    assert not summarise(stored(request("GET", path, route=route))).details["noise"]
