"""JSON that PostgreSQL takes."""

from collections.abc import Callable

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


@pytest.mark.parametrize("wrap", [lambda n: "[" * n + "]" * n, lambda n: '{"a":' * n + "1" + "}" * n])
def test_what_others_wrote_is_read_as_deep_as_it_can_be_written_with_more_around_it(wrap: Callable[[int], str]) -> None:
    deepest = json.read(wrap(json.DEEPEST))
    assert json.dumps({"data": [{"input": {"of": deepest}}]})
    for levels in (json.DEEPEST + 1, 300, 1000):
        for text in (wrap(levels), wrap(levels).encode()):
            with pytest.raises(ValueError, match="nested more than 200 levels deep"):
                json.read(text)
    assert len(json.read(b"[" + b",".join([b"[]"] * 1000) + b"]")) == 1000
