"""Bytes to plain data."""

import gzip
import tempfile
import time
from itertools import count, pairwise
from pathlib import Path

import pytest

from infra.errors import BadInput, ParsingTooLarge
from infra.jail import run_jailed
from tests.workers.specs.reading_specs import ASKED
from workers.specs.notes import At, Notes
from workers.specs.reading import read

TOP = At("file:///document", "file:///document")


def data(raw, notes=None):
    return read(raw if isinstance(raw, bytes) else raw.encode(), notes or Notes(), TOP)


def warned(raw):
    notes = Notes()
    return data(raw, notes), [(one["pointer"], one["code"]) for one in notes.listed]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("True", True), ("~", None), ("null", None), ("", None),
        ("2024-01-01", "2024-01-01"), ("12:30:45", "12:30:45"), ("0777", 777), ("0o17", 15), ("0x1F", 31),
        ("1_000", "1_000"), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ('"200"', "200"),
        ("1.2.3", "1.2.3"),
        ("!!str 5", "5"), ('!!int "5"', 5), ("123456789012345678901", 1.2345678901234568e20), ("-", "-"),
    ],
)  # fmt: skip
def test_yaml_scalars_mean_what_yaml_1_2_and_json_say(text, value):
    if text == "-":
        text = '"-"'
    found = data(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_yaml_keys_are_text_as_written():
    assert data("200: a\nnull: b\nyes: c\n1.0: d\n") == {"200": "a", "null": "b", "yes": "c", "1.0": "d"}


def test_json_and_yaml_of_the_same_are_equal():
    assert data('{"a": [1, 2.5, true, null, "x"], "b": {}}') == data("a: [1, 2.5, true, null, x]\nb: {}\n")


def test_a_key_that_stands_twice_is_warned_of_and_the_last_one_counts():
    assert warned('{"a": {"b": 1, "c": "\\"b\\": 3", "b": 2}}') == (
        {"a": {"b": 2, "c": '"b": 3'}},
        [("/a/b", "duplicate_key")],
    )
    assert warned("a:\n  b: 1\n  b: 2\n") == ({"a": {"b": 2}}, [("/a/b", "duplicate_key")])


def test_what_is_between_quotes_is_no_key():
    assert warned('{"a": "{\\"b\\": 1, \\"b\\": 2}", "c" : "x\\\\"}')[1] == []


def test_merge_keys_are_read():
    text = "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\nmany:\n  <<: [*b, {z: 4}]\n"
    found = data(text)
    assert found["one"] == {"x": 1, "y": 3}
    assert found["many"] == {"x": 1, "y": 2, "z": 4}


def test_a_hundred_aliases_are_harmless():
    assert data("a: &a {b: [1, 2]}\n" + "".join(f"k{index}: *a\n" for index in range(100)))["k99"] == {"b": [1, 2]}


def test_a_billion_laughs_are_refused_at_once():
    names = [f"l{index}" for index in range(10)]
    lines = ["l0: &l0 lol"] + [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    began = time.monotonic()
    with pytest.raises(BadInput, match="aliases repeat too much"):
        data("\n".join(lines))
    assert time.monotonic() - began < 1


def test_aliases_that_add_up_are_refused_too():
    wide = "[" + ",".join("1" for _ in range(2000)) + "]"
    with pytest.raises(BadInput, match="aliases repeat too much"):
        data(f"a: &a {wide}\n" + "".join(f"k{index}: *a\n" for index in range(1100)))


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a\n  b: *a\n", "&a\n*a : b\n"])
def test_an_alias_of_itself_is_refused(text):
    with pytest.raises(BadInput, match="within what it repeats"):
        data(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 300 + "]" * 300, "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, "- " * 300 + "x", "a: &x " + "[" * 250],
)
def test_nesting_without_end_is_refused(text):
    with pytest.raises(BadInput, match="200 levels deep"):
        data(text)


def test_depth_is_counted_through_aliases():
    lines = ["a0: &a0 [[[[[[[[[[x]]]]]]]]]]"] + [f"a{n}: &a{n} [[[[[[[[[[*a{n - 1}]]]]]]]]]]" for n in range(1, 30)]
    with pytest.raises(BadInput, match="200 levels deep"):
        data("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("a: [b", "not valid YAML"),
        ('{"a": 1, "b"', "not valid JSON"),
        ("? [a, b]\n: c\n", "no text but"),
        ("? {a: b}\n: c\n", "no text but"),
        ("a: &x [1]\n*x : 2\n", "no text but"),
        ("a: *nothing", "no anchor"),
        ("\x07", "not valid YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(text, why):
    with pytest.raises(BadInput, match=why):
        data(text)


def test_json_with_comments_and_commas_at_the_end_is_read_as_yaml():
    assert warned('{"a": [1, 2,], # so\n "b": 3}') == ({"a": [1, 2], "b": 3}, [("", "invalid_json")])


def test_nothing_is_made_of_python_tags():
    found, warnings = warned("a: !!python/object/apply:os.system [echo]\nb: !!python/name:os.system x\nc: !include y\n")
    assert found == {"a": ["echo"], "b": "x", "c": "y"}
    assert [code for _, code in warnings] == ["unknown_tag", "unknown_tag"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-8"])
def test_every_unicode_encoding_is_read(encoding):
    assert data('{"a": "ä€"}'.encode(encoding)) == {"a": "ä€"}


def test_text_in_no_unicode_encoding_is_refused():
    with pytest.raises(BadInput, match="UTF-8: byte 3"):
        data("a: ä".encode("latin-1"))


def test_gzip_is_unpacked_as_far_as_it_is_bearable():
    assert data(gzip.compress(b"a: 1")) == {"a": 1}
    with pytest.raises(BadInput, match="unpacks to more than"):
        data(gzip.compress(b" " * (101 * 1024 * 1024), 9))
    with pytest.raises(BadInput, match="ends too early"):
        data(gzip.compress(b"a: 1" * 100)[:-9])


def test_nul_and_what_json_has_not_are_replaced():
    assert warned('{"a\\u0000": ["b\\u0000"]}')[0] == {"a\ufffd": ["b\ufffd"]}
    found, warnings = warned('a: "x\\0y"\nb: .inf\nc: .nan\n')
    assert found == {"a": "x\ufffdy", "b": ".inf", "c": ".nan"}
    assert [code for _, code in warnings] == ["nul_character", "not_a_number", "not_a_number"]


def test_only_the_first_of_several_yaml_documents_is_read():
    assert warned("a: 1\n---\nb: 2\n") == ({"a": 1}, [("", "several_documents")])


def test_warnings_are_listed_so_far_and_all_counted():
    notes, numbers = Notes(), count()
    for code in ("one", "two"):
        for _ in range(1000):
            notes.add(TOP / str(next(numbers)), code, "Wrong.")
    assert (notes.total, len(notes.listed)) == (2000, 80)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(run):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'{"openapi": "3.0.0", "x": [' + b"{}," * 1_000_000 + b"{}]}")
        file.flush()
        inputs = {"document": Path(file.name)}
        jailed = run_jailed("workers.specs.parsing:parse", ASKED, inputs=inputs, seconds=20, memory_bytes=40 << 20)
        with pytest.raises(ParsingTooLarge, match="3,000,031 characters"):
            run(jailed)
