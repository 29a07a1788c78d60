"""Reads small specifications as the jail does, without the jail."""

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema_rs

from workers.specs.keywords import deny
from workers.specs.parsing import parse

Json = dict[str, Any]
DATA = Path(__file__).parents[4] / "shared" / "data" / "openapi"
ASKED: Json = {
    "uri": None, "entry": None, "remote": False, "fetched": {}, "given_up": [], "model": None, "replace": True,
    "seconds": 10,
}  # fmt: skip


def spec(paths: Json | None = None, *, openapi: str = "3.0.3", **more: Any) -> Json:
    """A small specification."""
    return {"openapi": openapi, "info": {"title": "Test", "version": "1"}, "paths": paths or {}, **more}


def swagger(paths: Json | None = None, **more: Any) -> Json:
    """The same in Swagger 2.0."""
    return {"swagger": "2.0", "info": {"title": "Test", "version": "1"}, "paths": paths or {}, **more}


def get(schema: Any = None, **more: Any) -> Json:
    """A path with one GET that answers with a schema."""
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"get": {"responses": {"200": {"description": "OK", **content}}, **more}}


class Read:
    """What came of a specification."""

    def __init__(self, outcome: Json) -> None:
        self.outcome = outcome
        self.entries = {one["key"]: one for one in outcome["entries"]}
        self.records = {key: json.loads(one["content"]) for key, one in self.entries.items()}
        self._parts = {sha256: json.loads(body) for sha256, body in outcome["parts"].items()}

    @property
    def codes(self) -> list[str]:
        """The codes of the warnings."""
        return [one["code"] for one in self.outcome["warnings"]]

    def pointers(self, code: str) -> list[str]:
        """Where the warnings with that code are."""
        return [one["pointer"] for one in self.outcome["warnings"] if one["code"] == code]

    def definitions(self, key: str) -> Json:
        """The schemas of an operation's closure."""
        closure = self.records[key]["definitions"]
        return {name: self._parts[sha256] for name, sha256 in (self._parts[closure] if closure else {}).items()}

    def answer(self, key: str = "GET /x", status: str = "200") -> Any:
        """The schema of a JSON response."""
        return self.records[key]["responses"][status]["content"]["application/json"]["schema"]

    def validator(self, key: str = "GET /x") -> jsonschema_rs.Validator:
        """Validates that response."""
        return jsonschema_rs.validator_for({**self.answer(key), "$defs": self.definitions(key)}, retriever=deny)

    def compile_all(self) -> int:
        """Compiles every schema of every record alone, with nothing but its closure; returns how many there were."""
        compiled = 0
        for key, record in self.records.items():
            schemas = {f"{index} of it": one for index, one in enumerate(_schemas(record))}
            named = {**self.definitions(key), **schemas}
            every = [{"$ref": f"#/$defs/{name.replace(' ', '%20')}"} for name in named]
            jsonschema_rs.validator_for({"anyOf": every or [True], "$defs": named}, retriever=deny)
            compiled += len(schemas)
        return compiled


def _schemas(value: Any) -> list[Any]:
    found = []
    for name, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name in ("schema", "itemSchema"):
            found.append(one)
        elif name not in ("example", "examples"):
            found += _schemas(one)
    return found


def outcome(raw: bytes, folder: Path, *, files: dict[str, Path] | None = None, **asked: Any) -> Json:
    """What the parser returns for these bytes; `files` are other inputs."""
    path = folder / "document"
    path.write_bytes(raw)
    return parse({**ASKED, **asked}, {"document": path, **(files or {})})


def read_bytes(raw: bytes, folder: Path, **asked: Any) -> Read:
    """Reads these bytes."""
    return Read(outcome(raw, folder, **asked))


def read(document: Json | str, folder: Path, **asked: Any) -> Read:
    """Reads a specification."""
    raw = document if isinstance(document, str) else json.dumps(document)
    return read_bytes(raw.encode(), folder, **asked)


def zipped(files: dict[str, Any], path: Path) -> Path:
    """A zip of these files, each text or a JSON value."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body if isinstance(body, str | bytes) else json.dumps(body))
    return path


def zipped_folder(folder: Path, path: Path) -> Path:
    """A zip of all files in a folder."""
    return zipped({str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}, path)
