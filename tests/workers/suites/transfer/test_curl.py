"""Scripts of curl send what the steps say, whatever is in them, and never a secret; bash runs them against a server."""

import asyncio
import json
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.target import Request, Target, always, answer, serving
from workers.suites.transfer import curl
from workers.suites.transfer.curl import Around

Json = dict[str, Any]

NASTY = 'it\'s "$HOME" `id` $(id) \\ ! {x} [y] & ; | ünï\n#'


def ran(script: str, folder: Path, **variables: str) -> tuple[list[Request], str]:
    """What a server got from the script, and what bash said against it; BASE_URL is the server."""

    async def go() -> tuple[Target, bytes]:
        async with serving(always(answer(b"ok"))) as target:
            environment = {"PATH": os.environ["PATH"], "BASE_URL": target.url("/v1"), **variables}
            file = folder / "tests.sh"
            file.write_text(script.replace("http://target", target.url("").rstrip("/")))
            bash = await asyncio.create_subprocess_exec(
                "bash", str(file), env=environment, cwd=folder, stdout=-1, stderr=-1, stdin=-3
            )
            _, said = await asyncio.wait_for(bash.communicate(), 20)
            return target, said

    target, said = asyncio.run(go())
    return target.requests, said.decode()


def sent(folder: Path, *steps: Json, around: Around | None = None, case: Json | None = None, **variables: str) -> Any:
    script = curl.script([{"name": "one", "steps": list(steps), **(case or {})}], around or Around())
    requests, said = ran(script, folder, **variables)
    assert (len(requests), said) == (len(steps), ""), said + script
    return requests[0] if len(requests) == 1 else requests


def test_every_part_of_a_request_arrives_whatever_is_in_it(tmp_path: Path) -> None:
    step = {
        "method": "PUT", "url": "/a/{id}", "path_params": {"id": NASTY}, "query": {NASTY: [NASTY, 1], "t": True},
        "headers": {"X-A": "it's $HOME `id` \\ !", "X-Empty": ""}, "body": {NASTY: [NASTY, 1, None]},
    }  # fmt: skip
    request = sent(tmp_path, step)
    where = urlsplit(request.path)
    assert (request.method, unquote(where.path)) == ("PUT", f"/v1/a/{NASTY}")
    assert parse_qs(where.query) == {NASTY: [NASTY, "1"], "t": ["true"]}
    assert request.headers["x-a"] == "it's $HOME `id` \\ !" and request.headers["x-empty"] == ""
    assert json.loads(request.body) == {NASTY: [NASTY, 1, None]}
    assert request.headers["content-type"] == "application/json"


def test_forms_texts_and_methods(tmp_path: Path) -> None:
    form, text, head, plain = sent(
        tmp_path,
        {"method": "POST", "url": "http://target/f", "form": {"a b": NASTY, "c": ["1", "2"]}},
        {"method": "PATCH", "url": "t", "text": f"@{NASTY}", "headers": {"Content-Type": "text/x"}},
        {"method": "HEAD", "url": "/h"},
        {"method": "DELETE", "url": "/d"},
    )
    assert parse_qs(form.body.decode()) == {"a b": [NASTY], "c": ["1", "2"]} and form.path == "/f"
    assert (text.method, text.body.decode(), text.headers["content-type"]) == ("PATCH", f"@{NASTY}", "text/x")
    assert (head.method, head.path, plain.method) == ("HEAD", "/v1/h", "DELETE")


def test_places_are_variables_of_the_shell_and_keep_their_type(tmp_path: Path) -> None:
    case = {"variables": {"note": NASTY, "path": "p"}, "data": [{"total": 10.5, "tags": ["a"]}, {"total": 1}]}
    body = {"note": "{{note}}!", "total": "{{row.total}}", "tags": "{{tags}}", "else": "{{x ?? it's}}", "g": "\\{{no}}"}
    step = {"method": "POST", "url": "/{{path}}/{{$timestamp}}?u={{$uuid}}", "body": {**body, "note": "{{simple}}"}}
    request = sent(tmp_path, step, case=case, simple="", SIMPLE="from outside")
    assert request.path.startswith("/v1/p/1")
    said = json.loads(request.body)
    assert said == {"note": "from outside", "total": 10.5, "tags": ["a"], "else": "it's", "g": "{{no}}"}
    text = sent(tmp_path, {"method": "POST", "url": "/", "text": "{{note}}|{{$now+1d}}|{{$random_int}}"}, case=case)
    assert text.body.decode().startswith(f"{NASTY}|20")


def test_what_must_be_set_stops_the_case_and_not_the_next(tmp_path: Path) -> None:
    login = {"id": "login", "method": "POST", "url": "/login", "body": {"p": "{{secret.password}}"},
             "extract": [{"name": "token", "from": "jsonpath", "expression": "$.t"}]}  # fmt: skip
    use = {"method": "GET", "url": "/me", "headers": {"X-Token": "{{token}}"}}
    script = curl.script([{"name": "a\n(rm -rf x)", "steps": [login, use]}, {"name": "b", "steps": [use]}], Around())
    requests, said = ran(script, tmp_path, PASSWORD="pw", TOKEN="")
    assert [one.path for one in requests] == ["/v1/login"]
    assert "TOKEN: step login extracts it" in said and "TOKEN: set it to token" in said
    requests, said = ran(script, tmp_path, PASSWORD="pw", TOKEN="t")
    assert [one.path for one in requests] == ["/v1/login", "/v1/me", "/v1/me"] and not said


def test_authentication_comes_from_variables_and_no_secret_is_written(tmp_path: Path) -> None:
    around = Around(
        base_url="http://target/e", headers={"X-All": "1"}, default_auth="user",
        auth={"user": {"type": "bearer", "token": "{{secret.token}}"},
              "basic": {"type": "basic", "username": "a:b", "password": "{{secret.pw}}"},
              "key": {"type": "api_key", "name": "k", "value": "{{secret.key}}", "in": "query"},
              "cookie": {"type": "api_key", "name": "k", "value": "canary", "in": "cookie"},
              "flow": {"type": "oauth2", "token_url": "https://x", "client_id": "i", "client_secret": "{{secret.s}}"}},
    )  # fmt: skip
    steps: list[Json] = [{"method": "GET", "url": "/", **({"auth": one} if one != "user" else {})}
             for one in ("user", "basic", "key", "cookie", "flow", False)]  # fmt: skip
    steps.append({"method": "GET", "url": "/", "auth": False, "headers": {"Authorization": "Bearer canary"}})
    script = curl.script([{"name": "x", "steps": steps}], around)
    assert "canary" not in script
    given = {"TOKEN": "t", "PW": "p", "KEY": "k v", "API_KEY": "c", "FLOW_ACCESS_TOKEN": "f", "AUTHORIZATION": "z"}
    requests, said = ran(script, tmp_path, **given)
    assert [one.headers.get("authorization") for one in requests] == [
        "Bearer t", "Basic YTpiOnA=", None, None, "Bearer f", None, "z"
    ]  # fmt: skip
    assert requests[3].headers["cookie"] == "k=c" and requests[0].headers["x-all"] == "1" and not said


def test_steps_that_ask_a_model_are_left_out() -> None:
    script = curl.script([{"name": "x", "steps": [{"kind": "completion", "messages": []}]}], Around())
    assert "curl -" not in script


def line(tmp_path: Path, **request: Any) -> Request:
    requests, said = ran(curl.line({"url": "http://target/a?b=c%20d", "headers": [], **request}), tmp_path)
    assert len(requests) == 1 and not said, said
    return requests[0]


def test_a_request_that_was_sent_is_one_line_that_sends_it_again(tmp_path: Path) -> None:
    headers = [["X-A", NASTY.replace("\n", "")], ["X-B", ""], ["Host", "other"], ["traceparent", "00-1"]]
    request = line(tmp_path, method="POST", headers=headers, body=NASTY, encoding="utf-8")
    assert (request.method, request.path, request.body.decode()) == ("POST", "/a?b=c%20d", NASTY)
    assert request.headers["x-b"] == "" and "traceparent" not in request.headers
    assert line(tmp_path, method="PUT", body="AAEC/w==", encoding="base64").body == b"\0\1\2\xff"
    assert line(tmp_path, method="GET", body=None).method == "GET"
    assert line(tmp_path, method="GET", body="x", cut=True).body == b""
    assert curl.line({"model": "m", "messages": []}) == ""
    assert len(shlex.split(curl.line({"method": "GET", "url": "http://x/'; id #"}))) == 4
