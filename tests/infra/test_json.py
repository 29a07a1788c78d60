"""JSON that PostgreSQL takes."""

import pytest

from infra import json


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\0b", "a�b"),
        ("\0", "�"),
        ("\\u0000", "\\u0000"),
        ("\\\0", "\\�"),
        ("\\\\u0000", "\\\\u0000"),
        ("plain", "plain"),
    ],
)
def test_a_nul_becomes_the_replacement_character_and_a_quoted_one_stays(given: str, kept: str) -> None:
    assert json.loads(json.dump_for_postgres({"text": given})) == {"text": kept}
