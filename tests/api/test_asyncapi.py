"""The AsyncAPI document. No package on PyPI holds AsyncAPI's own JSON schema, so its rules are checked here one by one:
https://www.asyncapi.com/docs/reference/specification/v3.0.0"""

import json
import re
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from api import asyncapi
from api.app import create_app
from infra.dev.system import System
from schemas.catalogue import BY_NAME, EVENT_TYPES
from tests.client import Client

Json = dict[str, Any]
DOCUMENT: Json = json.loads(json.dumps(asyncapi.document()))
KEY = re.compile(r"[\w.-]+")
ALLOWED = {
    "root": {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"},
    "server": {"host", "protocol", "pathname", "description", "variables", "security"},
    "channel": {"address", "title", "summary", "description", "servers", "parameters", "messages", "bindings"},
    "operation": {"action", "channel", "title", "summary", "description", "messages", "bindings"},
    "message": {"name", "title", "summary", "description", "contentType", "payload", "headers", "traits", "examples"},
}


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {found for one in value for found in references(one)}
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own | {found for one in value.values() for found in references(one)}
    return set()


def resolve(ref: str) -> Any:
    found: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_it_is_served_to_anybody_and_again_only_if_it_changed(system: System) -> None:
    with Client(system.url, None) as visitor:
        answer = visitor.http.get("/v1/asyncapi.json")
        assert answer.status_code == 200 and answer.json() == DOCUMENT
        assert "RateLimit" in answer.headers
        again = visitor.http.get("/v1/asyncapi.json", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_it_has_the_parts_of_asyncapi_3_0_and_no_others() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= ALLOWED["root"] and {"title", "version"} <= set(DOCUMENT["info"])
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server) <= ALLOWED["server"]
        assert set(re.findall(r"{(\w+)}", server["host"])) == set(server.get("variables", {}))
    for name, operation in DOCUMENT["operations"].items():
        assert KEY.fullmatch(name) and {"action", "channel"} <= set(operation) <= ALLOWED["operation"]
        assert operation["action"] in ("send", "receive")
    for part in DOCUMENT["components"].values():
        assert all(KEY.fullmatch(name) for name in part)


def test_every_reference_leads_somewhere_and_channels_and_servers_are_referred_to_at_the_top() -> None:
    for ref in references(DOCUMENT):
        assert resolve(ref)
    for channel in DOCUMENT["channels"].values():
        assert all(one["$ref"].startswith("#/servers/") for one in channel["servers"])
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation.get("messages", ()))


@pytest.mark.parametrize("name", DOCUMENT["channels"])
def test_a_channel_is_used_and_has_its_address_its_parameters_and_messages(name: str) -> None:
    channel = DOCUMENT["channels"][name]
    assert {"address", "messages", "servers"} <= set(channel) <= ALLOWED["channel"]
    assert set(re.findall(r"{(\w+)}", channel["address"] or "")) == set(channel.get("parameters", {}))
    assert f"#/channels/{name}" in {one["channel"]["$ref"] for one in DOCUMENT["operations"].values()}
    for message in channel["messages"].values():
        assert set(message) == {"$ref"} or set(message) <= ALLOWED["message"]


def test_an_address_is_one_of_the_http_contract() -> None:
    rules = {re.sub(r"<(\w+)>", r"{\1}", rule.rule) for rule in create_app().url_map.iter_rules()}
    for channel in DOCUMENT["channels"].values():
        if str(channel["address"]).startswith("/v1/"):
            assert channel["address"] in rules


@pytest.mark.parametrize("name", BY_NAME)
def test_a_message_shows_an_example_that_its_payload_allows(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    assert set(message) <= ALLOWED["message"] and message["name"] == name
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    for example in message["examples"]:
        Draft7Validator(schema, validate_formats=True).validate(example["payload"])
    assert not Draft7Validator(schema).is_valid({"type": name})


def test_each_channel_has_what_it_really_carries() -> None:
    carried = {name: set(channel["messages"]) for name, channel in DOCUMENT["channels"].items()}
    assert carried["job_events"] == {name for name in BY_NAME if name.startswith("job.")}
    assert carried["batch_events"] == {name for name in BY_NAME if name.startswith("batch.")}
    assert carried["project_events"] == set(BY_NAME) - {"job.delta"}
    assert carried["sockets"] == {*BY_NAME, *asyncapi.WISHES, *asyncapi.ENDS}
    assert carried["webhooks"] == {one.name for one in EVENT_TYPES if one.webhooks}


def test_a_delivery_has_the_headers_of_standard_webhooks() -> None:
    (trait,) = DOCUMENT["channels"]["webhooks"]["messages"]["job.failed"]["traits"]
    headers = resolve(trait["$ref"])["headers"]
    assert set(headers["required"]) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
