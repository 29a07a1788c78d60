"""What the OpenAPI document says of webhooks: a request for every type of event that they deliver."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from api.app import create_app
from api.openapi import document
from schemas.catalogue import EVENT_TYPES

Json = dict[str, Any]
DOCUMENT = document(create_app())
DELIVERED = [one.name for one in EVENT_TYPES if one.webhooks]


def test_every_type_that_is_delivered_is_there_and_no_other() -> None:
    assert list(DOCUMENT["webhooks"]) == DELIVERED
    assert "job.delta" not in DELIVERED


@pytest.mark.parametrize("name", DELIVERED)
def test_a_delivery_is_described_with_its_headers_its_body_and_what_to_answer(name: str) -> None:
    request: Json = DOCUMENT["webhooks"][name]["post"]
    headers = {one["name"]: one for one in request["parameters"]}
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert all(one["in"] == "header" and one["required"] for one in headers.values())
    assert {"2XX", "410"} <= set(request["responses"])
    content = request["requestBody"]["content"]["application/json"]
    accepts = Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]})
    assert accepts.is_valid(content["example"])
    assert not accepts.is_valid({**content["example"], "data": None})


@pytest.mark.parametrize(("name", "shape"), [("job.failed", "JobOut"), ("batch.failed", "BatchOut")])
def test_a_full_delivery_shows_the_job_or_batch_as_its_address_does(name: str, shape: str) -> None:
    schema = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["allOf"][1]["properties"]["object"]["$ref"] == f"#/components/schemas/{shape}"
