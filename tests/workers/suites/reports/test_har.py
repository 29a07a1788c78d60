"""HAR 1.2: valid, with every request that was sent."""

import json
from pathlib import Path

import jsonschema_rs

from tests.workers.suites.reports.conftest import Written
from workers.suites.reports import har

SCHEMA = jsonschema_rs.validator_for(json.loads((Path(__file__).parent / "har-1.2.json").read_text()))


def test_it_is_valid_and_has_each_http_request_with_its_answer(written: Written) -> None:
    found = json.loads(written(har.write))
    SCHEMA.validate(found)
    entries = found["log"]["entries"]
    assert found["log"]["creator"]["name"] == "Switchyard" and len(entries) == 18
    first = entries[0]
    assert first["request"]["method"] == "POST" and first["request"]["queryString"] == [
        {"name": "verbose", "value": "1"}
    ]
    assert first["request"]["postData"] == {"mimeType": "application/json", "text": '{"name": "Ada"}'}
    assert first["response"]["status"] == 200 and first["response"]["statusText"] == "OK"
    assert first["response"]["content"]["mimeType"] == "application/json"
    unanswered = next(one for one in entries if one["response"]["status"] == 0)
    assert unanswered["response"]["comment"] == "The target did not answer within 30 seconds."
