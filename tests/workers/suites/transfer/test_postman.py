"""Postman collections become cases, a suite and an environment; scripts are translated or reported, and never run."""

import json
from typing import Any

import pytest

from infra.errors import BadInput
from workers.suites import content
from workers.suites.cases import read_case
from workers.suites.transfer import postman
from workers.suites.transfer.imported import Imported
from workers.suites.transfer.postman_scripts import set_before, translated

Json = dict[str, Any]


def request(url: str = "{{baseUrl}}/a", *tests: str, name: str = "one", before: str = "", **more: Any) -> Json:
    events = [{"listen": "test", "script": {"exec": list(tests)}}] if tests else []
    events += [{"listen": "prerequest", "script": {"exec": before}}] if before else []
    return {"name": name, "request": {"method": "GET", "url": {"raw": url}, **more}, "event": events}


def pair(key: str, value: str) -> Json:
    return {"key": key, "value": value}


def read(*items: Json, **collection: Any) -> Imported:
    """The collection; each of its cases is one that we take."""
    found = postman.read({"info": {"name": "Shop"}, "item": list(items), **collection})
    for case in found.cases:
        content.content_of_body(read_case(case))
    return found


def only_step(*items: Json, **collection: Any) -> Json:
    (case,) = read(*items, **collection).cases
    (step,) = case["steps"]
    return dict(step)


def test_folders_are_tags_and_the_order_stays() -> None:
    found = read(
        {"name": "A", "item": [request(name="1"), {"name": "B", "item": [request(name="2")]}]}, request(name="3")
    )
    assert [(one["name"], one["tags"]) for one in found.cases] == [("1", ["A"]), ("2", ["A", "B"]), ("3", [])]
    assert found.places == ["/item/0/item/0", "/item/0/item/1/item/0", "/item/1"]


def test_the_variable_that_urls_begin_with_is_the_environments_base_url() -> None:
    found = read(
        request("{{baseUrl}}/orders/:id?x=1", name="o"),
        variable=[{"key": "baseUrl", "value": "https://shop.example.com"}, {"key": "api-version", "value": "2"}],
    )
    assert found.environment["base_url"] == "https://shop.example.com"
    assert found.suite["variables"] == {"api_version": "2"}
    assert found.cases[0]["steps"][0]["url"] == "/orders/{id}?x=1"
    assert found.cases[0]["steps"][0]["path_params"] == {"id": "{{id}}"}


def test_requests_with_query_path_variables_and_headers() -> None:
    url = {
        "raw": "https://x.example.com/a/:id/b?q={{q-1}}&tag=1",
        "query": [{"key": "q", "value": "{{q-1}}"}, {"key": "tag", "value": "1"}, {"key": "tag", "value": "2"},
                  {"key": "off", "value": "1", "disabled": True}],
        "variable": [{"key": "id", "value": "7"}],
    }  # fmt: skip
    headers = [{"key": "Accept", "value": "a/b"}, {"key": "No", "value": "1", "disabled": True}]
    step = only_step({"name": "x", "request": {"method": "get", "url": url, "header": headers}})
    assert step["url"] == "https://x.example.com/a/{id}/b"
    assert step["path_params"] == {"id": "7"}
    assert step["query"] == {"q": "{{q_1}}", "tag": ["1", "2"]}
    assert step["headers"] == {"Accept": "a/b"}


def body(mode: str, value: Any, **more: Any) -> Json:
    return only_step(request(method="POST", body={"mode": mode, mode: value, **more}))


def test_bodies() -> None:
    as_json = {"options": {"raw": {"language": "json"}}}
    raw = '{"id": {{id}}, "name": "{{name}} {{{odd", "n": [{{$randomInt}}, "{{$guid}}"]}'
    assert body("raw", raw, **as_json)["body"] == {
        "id": "{{id}}", "name": "{{name}} \\{{{odd", "n": ["{{$random_int}}", "{{$uuid}}"]
    }  # fmt: skip
    assert body("raw", "plain {{a}}")["text"] == "plain {{a}}"
    assert body("raw", "{broken", **as_json)["text"] == "{broken"
    assert body("urlencoded", [{"key": "a", "value": "b c"}, {"key": "a", "value": "d"}])["form"] == {"a": ["b c", "d"]}
    graphql = body("graphql", {"query": "query($n: Int) { a }", "variables": '{"n": {{n}}}'})
    assert graphql["body"] == {"query": "query($n: Int) { a }", "variables": {"n": "{{n}}"}}
    form = body("formdata", [{"key": "a", "value": "1"}, {"key": "f", "type": "file", "src": "/x"}])
    assert 'name="a"\r\n\r\n1\r\n' in form["text"] and "/x" not in form["text"]
    assert form["headers"]["Content-Type"].startswith("multipart/form-data; boundary=")


def test_what_is_a_secret_by_its_name_in_a_query_is_one_too() -> None:
    split = {"raw": "{{base}}/a?api_key=canary-1&q=tea", "query": [pair("api_key", "canary-1"), pair("q", "tea")]}
    written = request("{{base}}/a?q=tea&access_token=canary%2B2&page", name="written")
    found = read({"name": "split", "request": {"url": split}}, written)
    assert found.secrets == {"api_key": "canary-1", "access_token": "canary+2"}
    assert "canary" not in json.dumps([found.cases, found.warnings])
    one, other = (case["steps"][0] for case in found.cases)
    assert one["query"] == {"api_key": "{{secret.api_key}}", "q": "tea"}
    assert other["url"].endswith("/a?q=tea&access_token={{secret.access_token}}&page")


def test_credentials_are_secrets_of_the_environment_and_stand_nowhere_else() -> None:
    found = read(
        request(name="default"),
        request(name="none", auth={"type": "noauth"}),
        request(name="basic", auth={"type": "basic", "basic": {"username": "ann", "password": "canary-1"}}),
        request(name="key", auth={"type": "apikey", "apikey": [pair("key", "X-K"), pair("value", "canary-2")]}),
        request(name="header", header=[pair("Authorization", "Token canary-3"), pair("X-Api-Key", "canary-4")]),
        request(name="oauth", auth={"type": "oauth2", "oauth2": [
            pair("grant_type", "client_credentials"), pair("accessTokenUrl", "https://x/t"), pair("clientId", "me"),
            pair("clientSecret", "canary-5"), pair("scope", "a b")]}),
        request(name="digest", auth={"type": "digest"}),
        auth={"type": "bearer", "bearer": [{"key": "token", "value": "canary-6"}]},
        variable=[pair("db_password", "canary-7"), {**pair("hidden", "canary-8"), "type": "secret"}],
    )  # fmt: skip
    assert sorted(found.secrets.values()) == [f"canary-{number}" for number in range(1, 9)]
    assert "canary" not in json.dumps([found.cases, found.suite, found.environment, found.warnings])
    assert found.environment["default_auth"] == "bearer"
    assert found.environment["auth"]["bearer"] == {"type": "bearer", "token": "{{secret.token}}"}
    steps = {case["name"]: case["steps"][0] for case in found.cases}
    assert "auth" not in steps["default"] and steps["none"]["auth"] is False and steps["digest"]["auth"] is False
    assert found.environment["auth"][steps["oauth"]["auth"]]["scopes"] == ["a", "b"]
    assert steps["header"]["headers"]["Authorization"].startswith("Token {{secret.")
    assert any("digest" in one["message"] for one in found.warnings)


def test_a_credential_from_a_variable_that_is_not_there_is_asked_for() -> None:
    found = read(
        request(header=[{"key": "X", "value": "{{apiToken}}"}]),
        auth={"type": "bearer", "bearer": {"token": "{{apiToken}}"}},
    )
    assert found.environment["auth"]["bearer"]["token"] == "{{secret.apiToken}}"
    assert found.cases[0]["steps"][0]["headers"] == {"X": "{{secret.apiToken}}"}
    assert any("apiToken" in one["message"] for one in found.warnings)


def test_what_hands_values_on_is_one_case_and_who_only_gets_a_token_a_setup() -> None:
    found = read(
        request(
            "{{baseUrl}}/login",
            "pm.environment.set('token', pm.response.json().token)",
            name="login",
            auth={"type": "noauth"},
        ),
        request("{{baseUrl}}/orders", "pm.globals.set('id', pm.response.json().id)", name="create", method="POST"),
        request("{{baseUrl}}/orders/{{id}}", name="read"),
        request("{{baseUrl}}/other", name="other"),
        auth={"type": "bearer", "bearer": {"token": "{{token}}"}},
    )
    assert [case["name"] for case in found.cases] == ["login", "create … read", "other"]
    assert [[step["name"] for step in case.get("setup", [])] for case in found.cases] == [[], ["login"], ["login"]]
    assert found.cases[0]["steps"][0]["extract"] == [
        {"name": "token", "from": "jsonpath", "expression": "$.token", "secret": True}
    ]
    assert found.environment["auth"]["bearer"]["token"] == "{{token}}"


CHAINS: list[tuple[str, list[Json]]] = [
    ("pm.response.to.have.status(201)", [{"type": "status", "expected": 201}]),
    ("pm.response.to.have.status('Not Found')", [{"type": "status", "expected": 404}]),
    ("pm.response.to.be.ok", [{"type": "status", "expected": 200}]),
    ("pm.response.to.not.be.error", [{"type": "status", "op": "less", "expected": 400}]),
    ("pm.expect(pm.response.code).to.eql(200)", [{"type": "status", "expected": 200}]),
    ("pm.expect(pm.response.code).to.be.oneOf([200, 201])", [{"type": "status", "expected": [200, 201]}]),
    ("pm.response.to.have.header('X-A')", [{"type": "header", "name": "X-A", "op": "exists"}]),
    ("pm.response.to.have.header('X-A', 'b')", [{"type": "header", "name": "X-A", "op": "equals", "expected": "b"}]),
    ("pm.expect(pm.response.headers.get('A')).to.include('x')",
     [{"type": "header", "name": "A", "op": "contains", "expected": "x"}]),
    ("pm.expect(pm.response.responseTime).to.be.below(300)", [{"type": "latency", "max_ms": 300}]),
    ("pm.expect(pm.response.text()).to.match(/a\\d/i)", [{"type": "regex", "pattern": "(?i)a\\d"}]),
    ("pm.expect(j.b[0]['c d']).to.equal(1)",
     [{"type": "body", "path": "$.b[0]['c d']", "op": "equals", "expected": 1}]),
    ("pm.expect(j.a).to.not.be.null", [{"type": "body", "path": "$.a", "op": "not_equals", "expected": None}]),
    ("pm.expect(j).to.have.property('a').that.is.an('array').with.lengthOf(2)",
     [{"type": "body", "path": "$.a", "op": "exists"},
      {"type": "body", "path": "$.a", "op": "type", "expected": "array"},
      {"type": "body", "path": "$.a", "op": "length", "expected": 2}]),
    ("pm.expect(j.a.length).to.be.above(0)", [{"type": "body", "path": "$.a", "op": "not_empty"}]),
    ("pm.expect(j.n).to.be.within(1, 5)", [
        {"type": "body", "path": "$.n", "op": "greater_or_equal", "expected": 1},
        {"type": "body", "path": "$.n", "op": "less_or_equal", "expected": 5}]),
    ("pm.expect(j.a).to.eql(pm.environment.get('x'))",
     [{"type": "body", "path": "$.a", "op": "equals", "expected": "{{x}}"}]),
    ("const s = {type: 'object'}; pm.response.to.have.jsonSchema(s)",
     [{"type": "json_schema", "schema": {"type": "object"}}]),
    ("pm.response.to.have.jsonBody('a.b', 1)", [{"type": "body", "path": "$.a.b", "op": "equals", "expected": 1}]),
    ("tests['x'] = responseCode.code === 200 && responseTime < 9;", [
        {"type": "status", "expected": 200}, {"type": "latency", "max_ms": 9}]),
    ("pm.test('x', () => { pm.test('y', function () { pm.response.to.be.notFound }) })",
     [{"type": "status", "expected": 404}]),
    ("const {a, b: c} = pm.response.json(); pm.test(`${x}`, () => pm.expect(c).to.eql(1)); pm.test.skip('y', f)",
     [{"type": "body", "path": "$.b", "op": "equals", "expected": 1}]),
    ("var k; k = JSON.parse(responseBody); pm.expect(k.ok).to.be.true", [
        {"type": "body", "path": "$.ok", "op": "equals", "expected": True}]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), CHAINS, ids=[script for script, _ in CHAINS])
def test_a_common_pattern_is_translated(script: str, expected: list[Json]) -> None:
    made = translated(f"const j = pm.response.json();\n{script}")
    assert (made.asserts, made.left) == (expected, [])
    step = {"method": "GET", "url": "/", "assert": made.asserts}
    content.content_of_body(read_case({"name": "x", "steps": [step]}))


@pytest.mark.parametrize(
    "script",
    ["if (j.a) { pm.expect(j.a).to.eql(1) }", "pm.sendRequest('http://x', () => {})", "pm.expect(j.map(f)).to.eql([1])",
     "pm.expect(a + 1).to.eql(2)", "eval('1')", "pm.expect(j.a).to.be.closeTo(1, 2)", "pm.globals.set('a', Date.now())",
     "postman.setNextRequest('x')", "pm.expect(pm.response.code).to.eql(j.code)", "const t = `${x}`", "}{",
     "pm.expect()"],
)  # fmt: skip
def test_anything_else_is_reported_with_its_line(script: str) -> None:
    made = translated(f"// a comment\nconst j = pm.response.json();\n{script}")
    assert made.asserts == []
    assert made.left and made.left[0][0] in (1, 3)


def test_warnings_name_the_request_and_the_line() -> None:
    found = read(request("https://x.example.com/", "pm.response.to.be.ok;", "for (;;) {}", name="list", before="x();"))
    message = "'list', line 2 of its test script is not taken over: for (;;) {}"
    assert {"pointer": "/item/0/event/0/script/exec/1", "message": message} in found.warnings
    assert any("pre-request script" in one["message"] for one in found.warnings)


def test_constants_of_a_pre_request_script_are_variables() -> None:
    assert set_before("pm.variables.set('a', 1); console.log(1); f()") == ({"a": 1}, [(1, "f()")])
    assert read(request(before="pm.environment.set('n-1', 'x')")).cases[0]["variables"] == {"n_1": "x"}


def test_scripts_of_a_folder_are_for_all_below() -> None:
    event = [{"listen": "test", "script": {"exec": "pm.response.to.be.success"}}]
    found = read({"name": "A", "item": [request(), request()], "event": event})
    assert [case["steps"][0]["assert"] for case in found.cases] == [[{"type": "status", "expected": "2xx"}]] * 2


def test_version_2_0_and_an_environment_are_read() -> None:
    step = only_step(
        {"name": "x", "request": {"url": "https://x.example.com/a?b=1", "method": "GET", "header": "A: b\nC: d"}}
    )
    assert step["url"] == "https://x.example.com/a?b=1" and step["headers"] == {"A": "b", "C": "d"}
    values = [
        {"key": "host", "value": "h", "enabled": True},
        {"key": "token", "value": "canary"},
        {"key": "o", "enabled": False},
    ]
    found = postman.read({"name": "prod", "values": values, "_postman_variable_scope": "environment"})
    assert (found.environment, found.secrets) == ({"name": "prod", "variables": {"host": "h"}}, {"token": "canary"})


@pytest.mark.parametrize("value", [7, {}, {"item": 3}, {"requests": [], "order": []}, {"info": {}, "item": {"a": 1}}])
def test_what_is_no_collection_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match="no Postman collection"):
        postman.read(value)


def test_nonsense_inside_is_a_warning() -> None:
    found = postman.read({"info": 1, "auth": 3, "variable": {}, "event": 9, "item": [
        7, {"name": 1, "request": 5}, {"request": {"method": "BREW", "url": "x"}}, {"item": 5},
        {"request": {"url": {"raw": 5, "query": 5}}},
        {"request": {"url": "/a", "header": 5, "body": {"mode": "raw", "raw": 5}, "auth": {"type": []}}, "event": [5]},
        {"request": {"url": {"host": ["a"], "path": [{"value": "b"}]}, "body": {"mode": "file"}, "auth": []}},
    ]})  # fmt: skip
    assert len(found.cases) == 3
    assert {one["pointer"] for one in found.warnings} >= {"/item/0", "/item/1/request", "/item/2/request"}


def test_folders_without_end_are_refused() -> None:
    item: Json = request()
    for _ in range(40):
        item = {"name": "f", "item": [item]}
    with pytest.raises(BadInput, match="30 deep"):
        read(item)
