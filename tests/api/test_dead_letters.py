"""Dead letters over HTTP: see why, queue again, discard."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.dev.system import System
from tests.api.test_bad_input import problem
from tests.client import HELLO, Client
from tests.conftest import another_project

Json = dict[str, Any]
NOBODY = "dl_" + "0" * 32
URL = "/v1/dead_letters"


@pytest.fixture(scope="module")
def project(system: System) -> Iterator[Client]:
    """A client of a project of its own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture
def user(project: Client) -> Client:
    """The same, without any dead letters."""
    assert project.http.post(f"{URL}/discard", json={"filter": {}}).status_code == 200
    return project


def dead(user: Client, model: str = "openai/fail-500", **wish: Any) -> Json:
    job = user.run({"model": model, "messages": HELLO}, max_attempts=1, **wish)
    assert job["dead_letter"], job
    return job


def letter(job: Json) -> str:
    return str(job["id"].replace("job_", "dl_"))


def listed(user: Client, **query: Any) -> list[str]:
    return [one["id"] for one in user.http.get(URL, params=query).json()["data"]]


def test_a_job_that_used_up_its_attempts_is_listed_with_the_reason(user: Client) -> None:
    job = dead(user, metadata={"customer": "acme"})
    user.run({"model": "openai/fail-404", "messages": HELLO})
    page = user.http.get(URL).json()
    assert page["data"] == [
        {
            "id": letter(job),
            "object": "dead_letter",
            "job_id": job["id"],
            "kind": "completion",
            "queue": "completions",
            "reason": "provider_unavailable",
            "error": job["error"],
            "attempts": 1,
            "failed_at": job["finished_at"],
            "created_at": job["created_at"],
            "metadata": {"customer": "acme"},
        }
    ]
    assert page["first_id"] == page["last_id"] == letter(job) and not page["has_more"]
    assert user.http.get(f"{URL}/{letter(job)}").json() == page["data"][0]


def test_the_list_is_filtered_and_walked_and_the_reasons_are_counted(user: Client) -> None:
    first, second = dead(user), dead(user, "openai/fail-429")
    vectors = user.wait(user.submit({"model": "openai/fail-500", "input": "x"}, kind="embedding", max_attempts=1)["id"])
    assert listed(user) == [letter(vectors), letter(second), letter(first)]
    assert (
        listed(user, reason="provider_rate_limit") == listed(user, reason="provider_rate_limited") == [letter(second)]
    )
    assert listed(user, reason="provider_unavailable", kind="completion") == [letter(first)]
    assert listed(user, reason="timeout") == listed(user, reason="other") == []
    assert listed(user, created_before=second["created_at"]) == [letter(first)]
    assert listed(user, created_after=second["created_at"], order="asc") == [letter(second), letter(vectors)]
    page = user.http.get(URL, params={"limit": 2}).json()
    assert page["has_more"] and listed(user, limit=2, after=page["last_id"]) == [letter(first)]
    counted = user.http.get(f"{URL}/reasons").json()
    assert counted["object"] == "dead_letter_reasons" and counted["count"] == 3 and counted["more"] is False
    assert {(row["reason"], row["code"], row["kind"], row["count"]) for row in counted["data"]} == {
        ("provider_unavailable", "provider_unavailable", "completion", 1),
        ("provider_unavailable", "provider_unavailable", "embedding", 1),
        ("provider_rate_limit", "provider_rate_limited", "completion", 1),
    }
    newest = next(row for row in counted["data"] if row["kind"] == "embedding")
    assert newest["oldest_failed_at"] == newest["newest_failed_at"] == vectors["finished_at"]


def test_one_is_queued_again_as_a_new_attempt_of_the_same_job(user: Client) -> None:
    job = dead(user, "openai/quote-502-once")
    answer = user.http.post(f"{URL}/{letter(job)}/redrive")
    assert answer.status_code == 200 and answer.json()["id"] == job["id"]
    assert answer.json()["status"] == "queued" and answer.json()["dead_letter"] is False
    final = user.wait(job["id"])
    assert final["status"] == "succeeded" and final["attempt"] == 2 and final["max_attempts"] == 2
    types = [event["type"] for event in user.events(job["id"])]
    assert types == ["job.queued", "job.started", "job.failed", "job.queued", "job.started", "job.succeeded"]
    problem(user.http.post(f"{URL}/{letter(job)}/redrive"), 404, "not_found")


def test_those_that_match_are_queued_again_in_one_call_and_the_others_stay(user: Client) -> None:
    jobs = [dead(user) for _ in range(3)]
    other = dead(user, "openai/quote-504")
    body: Json = {"filter": {"reason": "provider_unavailable"}, "limit": 2}
    first = user.http.post(f"{URL}/redrive", json=body)
    assert first.status_code == 200
    assert first.json() == {
        "object": "redrive",
        "redriven": 2,
        "job_ids": [job["id"] for job in jobs[:2]],
        "skipped": [],
        "has_more": True,
    }
    for job in jobs[:2]:
        assert user.wait(job["id"])["attempt"] == 2
    assert user.wait(other["id"])["attempt"] == 1 and letter(other) in listed(user)
    everything = user.http.post(f"{URL}/redrive", json={"filter": {}}).json()
    assert everything["redriven"] == 4 and not everything["has_more"]
    assert all(user.wait(job_id)["dead_letter"] for job_id in everything["job_ids"])


def test_redriving_nothing_is_clear_and_harmless(user: Client) -> None:
    empty = {"object": "redrive", "redriven": 0, "job_ids": [], "skipped": [], "has_more": False}
    answer = user.http.post(f"{URL}/redrive", json={"filter": {"kind": "embedding"}})
    assert answer.status_code == 200 and answer.json() == empty
    unknown = user.http.post(f"{URL}/redrive", json={"ids": [NOBODY]}).json()
    assert unknown["redriven"] == 0
    assert [(one["job_id"], one["code"]) for one in unknown["skipped"]] == [("job_" + "0" * 32, "not_found")]


def test_those_named_are_queued_again_and_a_second_time_there_is_nothing_left(user: Client) -> None:
    jobs = [dead(user, f"openai/quote-{status}-once") for status in (503, 507)]
    ids = [letter(job) for job in jobs]
    done = user.http.post(f"{URL}/redrive", json={"ids": ids}).json()
    assert done["job_ids"] == [job["id"] for job in jobs] and done["skipped"] == []
    assert {user.wait(job["id"])["status"] for job in jobs} == {"succeeded"}
    again = user.http.post(f"{URL}/redrive", json={"ids": ids}).json()
    assert again["redriven"] == 0 and {one["code"] for one in again["skipped"]} == {"not_found"}


def test_what_is_discarded_stays_failed_and_can_still_be_retried(user: Client) -> None:
    one, two, three = dead(user), dead(user), dead(user)
    answer = user.http.delete(f"{URL}/{letter(one)}")
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["status"], answer.json()["dead_letter"]) == (one["id"], "failed", False)
    problem(user.http.get(f"{URL}/{letter(one)}"), 404, "not_found")
    some = user.http.post(f"{URL}/discard", json={"filter": {"kind": "completion"}, "limit": 1}).json()
    assert some == {
        "object": "discard",
        "discarded": 1,
        "job_ids": [two["id"]],
        "skipped": [],
        "has_more": True,
    }
    rest = user.http.post(f"{URL}/discard", json={"ids": [letter(two), letter(three)]}).json()
    assert rest["job_ids"] == [three["id"]] and [skip["job_id"] for skip in rest["skipped"]] == [two["id"]]
    assert listed(user) == [] and user.http.get(f"{URL}/reasons").json()["data"] == []
    assert user.http.get(f"/v1/jobs/{two['id']}").json()["error"] == two["error"]
    assert user.http.post(f"/v1/jobs/{two['id']}/retry").json()["status"] == "queued"
    assert user.wait(two["id"])["dead_letter"]


@pytest.mark.parametrize("store", ["hashes", "none"])
def test_one_whose_input_was_not_kept_cannot_run_again(user: Client, store: str) -> None:
    private, open_one = dead(user, store=store), dead(user)
    problem(user.http.post(f"{URL}/{letter(private)}/redrive"), 409, "not_stored")
    problem(user.http.post(f"/v1/jobs/{private['id']}/retry"), 409, "not_stored")
    choices: list[Json] = [{"filter": {}}, {"ids": [letter(private), letter(open_one)]}]
    for body in choices:
        done = user.http.post(f"{URL}/redrive", json=body).json()
        assert done["job_ids"] == [open_one["id"]] and not done["has_more"]
        assert [(one["job_id"], one["code"]) for one in done["skipped"]] == [(private["id"], "not_stored")]
        user.wait(open_one["id"])
    more = user.http.post(f"{URL}/redrive", json={"filter": {}, "limit": 1}).json()
    assert more["job_ids"] == [open_one["id"]] and not more["has_more"]
    user.wait(open_one["id"])
    assert user.http.delete(f"{URL}/{letter(private)}").status_code == 200


def test_another_projects_dead_letters_do_not_exist(user: Client, client: Client) -> None:
    job = dead(user)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/redrive")):
        problem(client.http.request(method, f"{URL}/{letter(job)}{path}"), 404, "not_found")
    for path in ("", "/reasons"):
        problem(client.http.get(f"{URL}{path}?project_id={job['project_id']}"), 404, "not_found")
    assert letter(job) not in listed(client)
    for action in ("redrive", "discard"):
        done = client.http.post(f"{URL}/{action}", json={"ids": [letter(job)]}).json()
        assert done["job_ids"] == [] and done["skipped"][0]["code"] == "not_found"
    assert listed(user, project_id=job["project_id"]) == [letter(job)]


@pytest.mark.parametrize("action", ["redrive", "discard"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        (None, ""),
        ({"filter": {}, "ids": [NOBODY]}, ""),
        ({"filter": {"reason": "bad luck"}}, "/filter/reason"),
        ({"filter": {"created_after": "yesterday"}}, "/filter/created_after"),
        ({"filter": "all"}, "/filter"),
        ({"filter": None}, "/filter"),
        ({"filter": {"colour": "red"}}, "/filter/colour"),
        ({"ids": []}, "/ids"),
        ({"ids": ["job_" + "0" * 32]}, "/ids/0"),
        ({"ids": [NOBODY] * 1001}, "/ids"),
        ({"filter": {}, "limit": 0}, "/limit"),
        ({"filter": {}, "limit": 1001}, "/limit"),
        ({"filter": {}, "limit": "all"}, "/limit"),
    ],
)
def test_a_wrong_choice_is_refused_with_a_pointer(client: Client, action: str, body: Any, pointer: str) -> None:
    answer = client.http.post(f"{URL}/{action}", **({} if body is None else {"json": body}))
    found = problem(answer, 422, "unknown_field" if pointer == "/filter/colour" else "invalid_input")
    assert pointer in [error["pointer"] for error in found["errors"]], found


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("reason=luck", "/reason"), ("after=job_1", "/after"), ("created_after=now", "/created_after"), ("x=1", "/x")],
)
def test_a_wrong_parameter_is_refused_by_name(client: Client, query: str, pointer: str) -> None:
    found = problem(client.http.get(f"{URL}?{query}"), 422, "invalid_parameter")
    assert found["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("wrong", ["dl_1", "job_" + "0" * 32, "DL_" + "0" * 32])
def test_a_malformed_id_names_nothing(client: Client, wrong: str) -> None:
    problem(client.http.get(f"{URL}/{wrong}"), 404, "malformed_id")


def test_the_metrics_count_them_by_kind(user: Client) -> None:
    dead(user)
    lines = user.http.get("/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith('switchyard_dead_letters{kind="completion"}')]
    assert len(counts) == 1 and float(counts[0].split()[-1]) >= 1
