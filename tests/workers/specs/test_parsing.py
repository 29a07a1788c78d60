"""Specifications that nobody of us wrote: read, or refused clearly, with every operation and every schema usable."""

import json
import time

import pytest
import yaml

from infra.errors import BadInput
from tests.workers.specs.reading_specs import DATA, get, read, read_bytes, spec, zipped_folder
from workers.knowledge.content_hash import content_hash

# What takes a plain reader seconds.
KNOWN = {"openai-3.1.yaml": {"operations": 288, "webhooks": 16}}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data is not here")


def files(*folders, named="*", but=()):
    """The files in these folders, by their names there."""
    found = [path for folder in folders for path in sorted((DATA / folder).rglob(named)) if path.is_file()]
    return [pytest.param(path, id=str(path.relative_to(DATA))) for path in found if not path.name.startswith(but)]


def yaml_of(path):
    """The same specification in YAML."""
    return (path.parents[1] / "yaml" / path.name if "v2.0" in path.parts else path).with_suffix(".yaml")


# In both formats, and the same in both: some say another description in one of them.
TWICE = [
    one
    for one in files("oai-examples", named="*.json", but=("petstore-expanded.json", "uber", "tictactoe"))
    if yaml_of(one.values[0]).exists() and "separate" not in one.id and one.id != "oai-examples/v2.0/json/petstore.json"
]


def plain(path):
    """The document as libraries read it that know nothing of this."""
    raw = path.read_bytes()
    return json.loads(raw) if path.suffix == ".json" else yaml.load(raw, yaml.CSafeLoader)


def counted(document):
    """How many operations a plain walk finds."""

    def of(name):
        items = [item for item in (document.get(name) or {}).values() if isinstance(item, dict)]
        more = [item.get("additionalOperations", {}) for item in items]
        return sum(len(set(item) & set(METHODS)) for item in [*items, *more])

    return {"operations": of("paths"), "webhooks": of("webhooks")}


# Graph and Kubernetes take long and are for the benchmark; Stripe's fixtures are no specification.
@pytest.mark.parametrize("path", files("real", but=("microsoft", "kubernetes", "stripe-fixtures")))
def test_real_specifications_have_all_their_operations_and_compile(path, tmp_path):
    found = read_bytes(path.read_bytes(), tmp_path)
    assert found.outcome["found"] == (KNOWN.get(path.name) or counted(plain(path)))
    assert len(found.records) == sum(found.outcome["found"].values())
    if path.stat().st_size < 2_900_000 and "stripe" not in path.name:
        found.compile_all()
    assert all(len(one["text"]) <= 3000 and one["title"] for one in found.entries.values())


@pytest.mark.parametrize("path", files("malformed", "hostile", "circular", "oai-examples"))
def test_every_file_is_read_or_refused_within_a_second(path, tmp_path):
    began = time.monotonic()
    try:
        found = read_bytes(path.read_bytes(), tmp_path)
    except BadInput as refused:
        assert refused.detail.endswith(".")
    else:
        found.compile_all()
        assert found.outcome["warnings"] or "invalid" not in path.parts or path.name == "ref-to-invalid-path.yaml"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", TWICE)
def test_json_and_yaml_of_the_same_specification_are_the_same(path, tmp_path):
    one, two = (read_bytes(each.read_bytes(), tmp_path) for each in (path, yaml_of(path)))
    assert one.outcome == two.outcome


@pytest.mark.parametrize(
    ("name", "entry", "operations"),
    [
        ("multifile/3gpp-nrf-3.0", None, 4),
        ("multifile/3gpp-nrf-3.0", "TS29510_Nnrf_NFManagement.yaml", 9),
        ("multifile/oas3-refs-test", None, 1),
        ("multifile/relative-upper-directory-3.0", None, 2),
        ("multifile/space in name", None, 1),
        ("multifile/tracetest-3.0", None, 103),
        ("circular/apidevtools-circular", None, 4),
        ("circular/apidevtools-deep-circular", None, 1),
        ("oai-examples/v2.0/json/petstore-separate", None, 4),
    ],
)
def test_references_across_files_are_followed(name, entry, operations, tmp_path):
    found = read_bytes(zipped_folder(DATA / name, tmp_path / "files.zip").read_bytes(), tmp_path, entry=entry)
    assert found.outcome["found"]["operations"] == operations
    found.compile_all()
    dangling = 7 if entry else 0
    assert found.codes.count("unresolved_reference") == dangling


def test_a_zip_of_thousands_of_files_is_read(tmp_path):
    found = read_bytes((DATA / "multifile" / "digitalocean-3.0.zip").read_bytes(), tmp_path)
    assert found.outcome["found"]["operations"] == 659
    assert {"unresolved_reference", "external_reference", "circular_reference"}.isdisjoint(found.codes)


@pytest.mark.parametrize("path", files("circular/oas31-dereference-suite", named="root.*"))
def test_the_suite_of_references_does_no_harm(path, tmp_path):
    packed = zipped_folder(path.parent, tmp_path / "files.zip").read_bytes()
    read_bytes(packed, tmp_path, entry=path.name).compile_all()


def snapshot(found, path):
    """The file that says what a draft with these entries has."""
    parts = found.outcome["parts"]
    closures = {record["definitions"] for record in found.records.values()} - {None}
    lines = []
    for key, one in found.entries.items():
        content = json.loads(one["content"])
        hashed = content_hash(one["title"], one["text"], content, one["tags"], one["labels"])
        lines.append(["entry", key, hashed, None, None, content])
    lines += [
        ["closure" if sha256 in closures else "schema", sha256, json.loads(body)] for sha256, body in parts.items()
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return {"before": path}


PET = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}


def pets(**pet):
    schemas = {"Pet": {**PET, **pet}, "Other": {"type": "string"}}
    paths = {
        "/pets": get({"$ref": "#/components/schemas/Pet"}),
        "/others": get({"$ref": "#/components/schemas/Other"}),
        "/plain": get(),
    }
    return spec(paths, components={"schemas": schemas})


def test_the_same_again_has_nothing_to_write(tmp_path):
    before = snapshot(read(pets(), tmp_path), tmp_path / "before")
    again = read(pets(), tmp_path, files=before).outcome
    assert (again["entries"], again["parts"], again["removed"], again["unchanged"]) == ([], {}, [], 3)
    assert (again["breaking"], again["changes"]) == ([], [])


def test_a_new_version_of_the_document_changes_no_operation(tmp_path):
    before = snapshot(read(pets(), tmp_path), tmp_path / "before")
    later = {**pets(), "openapi": "3.0.4", "info": {"title": "Test", "version": "2"}}
    assert read(later, tmp_path, files=before).outcome["unchanged"] == 3


def test_a_changed_schema_changes_the_operations_that_need_it(tmp_path):
    before = snapshot(read(pets(), tmp_path), tmp_path / "before")
    changed = pets(properties={"id": {"type": "integer"}})
    now = read(changed, tmp_path, files=before).outcome
    assert [one["key"] for one in now["entries"]] == ["GET /pets"]
    assert now["unchanged"] == 2
    assert len(now["parts"]) == 2
    assert [(one["id"], one["operation"]) for one in now["breaking"]] == [
        ("response-optional-property-removed", "GET /pets")
    ] or now["levels"]["warning"]
    fields = now["changes"][0]["fields"]
    assert [one["pointer"] for one in fields if "Pet" in one["pointer"]] == ["/$defs/Pet/properties/name"]


def test_what_is_gone_is_removed_unless_it_is_merged(tmp_path):
    before = snapshot(read(pets(), tmp_path), tmp_path / "before")
    less = pets()
    del less["paths"]["/plain"]
    gone = read(less, tmp_path, files=before).outcome
    assert gone["removed"] == ["GET /plain"]
    assert gone["levels"]["error"] == 1
    assert read(less, tmp_path, files=before, replace=False).outcome["removed"] == []
