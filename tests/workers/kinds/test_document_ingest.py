"""What a document job is accepted and refused for."""

import pytest

from infra.errors import TargetRefused
from schemas.document_ingest import DocumentIngestIn
from workers.kinds import BY_NAME

KIND = BY_NAME["document.ingest"]
FILE = "file_" + "0" * 32


def test_the_example_is_valid() -> None:
    assert DocumentIngestIn().validate(KIND.example) == {}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "file_id"),
        ({"file_id": FILE, "url": "https://example.com"}, "url"),
        ({"text": "x"}, "key"),
        ({"text": "", "key": "a"}, "text"),
        ({"file_id": FILE, "mode": "other"}, "mode"),
        ({"file_id": FILE, "metadata": {"a": [1]}}, "metadata"),
        ({"file_id": FILE, "key": "x" * 501}, "key"),
    ],
)
def test_exactly_one_document_is_named_and_said_well(payload: dict[str, object], field: str) -> None:
    assert field in DocumentIngestIn().validate(payload)


def test_a_url_into_a_private_network_is_no_job() -> None:
    assert KIND.check is not None
    with pytest.raises(TargetRefused):
        KIND.check({"url": "http://169.254.169.254/latest"})


def test_documents_of_one_name_are_read_one_after_the_other_and_others_side_by_side() -> None:
    serial = KIND.serial
    assert serial is not None
    one = serial({"file_id": FILE, "filename": "a.pdf"})

    assert serial({"text": "x", "key": "a.pdf"}) == one
    assert serial({"text": "x", "key": "b.pdf"}) != one
    assert serial({"text": "x", "key": "a.pdf", "source": "other"}) != one
    assert serial({"text": "x", "key": "a", "mode": "replace"}) == serial({"url": "https://b", "mode": "replace"})
