"""Zips of several files."""

import zipfile

import pytest

from infra.errors import BadInput
from tests.workers.specs.reading_specs import get, read_bytes, spec, swagger, zipped
from workers.specs.archive import Archive, uri_of


def read_files(files, folder, **asked):
    return read_bytes(zipped(files, folder / "files.zip").read_bytes(), folder, **asked)


def one_of(name):
    return {f"/{name}": get()}


def test_references_lead_from_file_to_file_and_never_out(tmp_path):
    files = {
        "api/main file.json": spec({"/x": get({"$ref": "./sub%20folder/pet.yaml#/Pet"})}),
        "api/sub folder/pet.yaml": (
            "Pet: {type: object, properties: {owner: {$ref: '../../common.json#/definitions/Owner'}}}"
        ),
        "common.json": {"definitions": {"Owner": {"type": "object", "properties": {"pet": {"$ref": "api/none.json"}}}}},
    }
    found = read_files(files, tmp_path)
    assert found.answer() == {"$ref": "#/$defs/Pet"}
    assert found.definitions("GET /x") == {
        "Owner": {"type": "object", "properties": {"pet": {}}},
        "Pet": {"type": "object", "properties": {"owner": {"$ref": "#/$defs/Owner"}}},
    }
    assert found.pointers("unresolved_reference") == ["common.json#/definitions/Owner/properties/pet/$ref"]


def test_a_reference_to_the_disk_finds_nothing(tmp_path):
    found = read_files({"a.json": spec({"/x": get({"$ref": "file:///etc/passwd"})})}, tmp_path)
    assert found.answer() == {}
    assert found.codes == ["unresolved_reference"]


@pytest.mark.parametrize(
    ("files", "begins"),
    [
        ({"readme.md": "openapi: 3.0.0", "spec.yaml": "openapi: 3.0.0\n"}, "spec.yaml"),
        ({"deep/er/spec.json": spec(), "deep/other.json": {"type": "object"}}, "deep/er/spec.json"),
        ({"top.yaml": "swagger: '2.0'", "sub/openapi.yaml": "openapi: 3.1.0"}, "top.yaml"),
        ({"a.json": spec({"/x": {"$ref": "b.json#/paths/x"}}), "b.json": spec()}, "a.json"),
        ({"a.yaml": "openapi: 3.0.0", "openapi.yaml": "openapi: 3.0.0"}, "openapi.yaml"),
        ({"__MACOSX/a.json": spec(), ".hidden/a.json": spec(), "x/y/z.json": spec()}, "x/y/z.json"),
    ],
)
def test_the_file_to_begin_with_is_found(files, begins, tmp_path):
    assert Archive(zipped(files, tmp_path / "files.zip")).entry(None) == uri_of(begins)


def test_or_named(tmp_path):
    files = {"a.json": spec(one_of("a")), "b.json": swagger(one_of("b"))}
    assert [*read_files(files, tmp_path, entry="b.json").records] == ["GET /b"]
    with pytest.raises(BadInput, match=r"a\.json, b\.json.*name one as `entry`") as refused:
        read_files(files, tmp_path)
    assert refused.value.errors[0]["pointer"] == "/input/entry"
    with pytest.raises(BadInput, match=r"no file 'c\.json'"):
        read_files(files, tmp_path, entry="c.json")
    with pytest.raises(BadInput, match="Only a zip"):
        read_bytes(b"openapi: 3.0.0", tmp_path, entry="a.json")


@pytest.mark.parametrize("name", ["../a.json", "/a.json", "a/../../b.json", "C:/a.json", "..\\a.json"])
def test_a_path_that_leads_out_is_refused(name, tmp_path):
    with pytest.raises(BadInput, match="leads out of it"):
        read_files({name: spec()}, tmp_path)


def test_bombs_are_refused_before_anything_is_unpacked(tmp_path):
    with pytest.raises(BadInput, match="unpacks to 5,000,0"):
        read_files({"a.json": spec(), "b.json": " " * 5_000_000}, tmp_path)


def test_a_size_that_lies_is_seen(tmp_path):
    raw = bytearray(zipped({"a.json": spec(one_of("a"))}, tmp_path / "files.zip").read_bytes())
    at = raw.rindex(b"PK\x01\x02") + 24
    raw[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(BadInput, match=r"a\.json in the zip file is damaged"):
        read_bytes(bytes(raw), tmp_path)


def test_damaged_and_encrypted_zips_are_refused(tmp_path):
    raw = zipped({"a.json": spec(one_of("a")), "b.json": spec()}, tmp_path / "files.zip").read_bytes()
    with pytest.raises(BadInput, match="damaged"):
        read_bytes(raw[:-30], tmp_path)
    with pytest.raises(BadInput, match="damaged"):
        read_bytes(raw[:40] + bytes(30) + raw[70:], tmp_path, entry="a.json")
    encrypted = bytearray(raw)
    at = encrypted.index(b"PK\x01\x02") + 8
    encrypted[at] |= 1
    with pytest.raises(BadInput, match="encrypted"):
        read_bytes(bytes(encrypted), tmp_path)


def test_a_zip_without_a_specification_is_refused(tmp_path):
    with pytest.raises(BadInput, match="begins with `openapi` or `swagger`"):
        read_files({"a.json": {"type": "object"}}, tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(BadInput):
        read_bytes((tmp_path / "empty.zip").read_bytes(), tmp_path)


def test_a_description_may_stand_in_a_file_of_text(tmp_path):
    files = {
        "a.json": spec({"/x": get(description={"$ref": "docs/x.md"})}, tags=[{"description": {"$ref": "docs/x.md"}}]),
        "docs/x.md": "# Hello\n- [a: b\n",
    }
    assert read_files(files, tmp_path).records["GET /x"]["description"] == "# Hello\n- [a: b\n"


def test_one_bad_file_costs_only_what_needs_it(tmp_path):
    files = {"a.json": spec({"/x": get({"$ref": "b.yaml"}), "/y": get()}), "b.yaml": "a: [b"}
    found = read_files(files, tmp_path)
    assert set(found.records) == {"GET /x", "GET /y"}
    assert found.codes == ["unreadable_document"]
