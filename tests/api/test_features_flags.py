"""Flags over HTTP, as clients poll them: told anew only when something has changed."""

from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project

PATH = "/v1/features/flags"


@pytest.fixture(scope="module")
def alone(system: System):
    """A client whose project's flags are its own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def feature(client: Client) -> dict[str, str]:
    found: dict[str, str] = client.http.post("/v1/features", json={"name": f"flag {uuid4().hex}"}).json()
    return found


def test_flags_follow_each_switch_and_have_a_tag_of_their_own(alone: Client) -> None:
    one = feature(alone)
    first = alone.http.get(PATH)
    assert first.json()["object"] == "feature_flags" and first.json()["flags"][one["key"]] is True
    assert first.headers["Cache-Control"] == "private, no-cache" and "Authorization" in first.headers["Vary"]
    assert first.headers["ETag"].startswith('"') and "RateLimit" in first.headers
    same = alone.http.get(PATH)
    assert (same.headers["ETag"], same.content) == (first.headers["ETag"], first.content)
    alone.http.post(f"/v1/features/{one['id']}/disable")
    off = alone.http.get(PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert off.status_code == 200 and off.json()["flags"][one["key"]] is False
    assert off.headers["ETag"] != first.headers["ETag"]
    alone.http.post(f"/v1/features/{one['id']}/enable")
    assert alone.http.get(PATH).headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ('"other",W/{tag} , "more"', 304),
        ("*", 304),
        ('"other"', 200),
        ("{bare}", 200),
        ("", 200),
        ('"unfinished', 200),
    ],
)
def test_what_a_client_has_already_is_not_sent_again(alone: Client, sent: str, status: int) -> None:
    tag = alone.http.get(PATH).headers["ETag"]
    if sent == "{bare}":
        sent = "x" + tag.strip('"')
    answer = alone.http.get(PATH, headers={"If-None-Match": sent.format(tag=tag)})
    assert answer.status_code == status
    assert answer.headers["ETag"] == tag and "X-Request-Id" in answer.headers
    assert (answer.content == b"") is (status == 304)


def test_a_project_has_its_own_flags_and_the_key_of_a_merged_feature_stays(alone: Client, stranger: Client) -> None:
    one, into = feature(alone), feature(alone)
    alone.http.post(f"/v1/features/{into['id']}/disable")
    alone.http.post(f"/v1/features/{one['id']}/merge", json={"into": into["id"]})
    found = alone.http.get(PATH).json()["flags"]
    assert found[one["key"]] is found[into["key"]] is False
    assert one["key"] not in stranger.http.get(PATH).json()["flags"]
    assert alone.http.get(f"/v1/projects/{one['project_id']}/features/flags").json()["flags"] == found
    assert stranger.http.get(f"/v1/projects/{one['project_id']}/features/flags").status_code == 404
