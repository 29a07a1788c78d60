"""Test cases as plain YAML, to be written by hand, kept beside the code, imported and exported.

A file is a list of tests, or an object with them and with what is around them:

    suite: shop                      # all of these are optional
    description: What a customer does.
    tags: [smoke]                    # of the suite
    variables: {currency: EUR}       # of the suite
    setup: [...]                     # steps before all tests, and `teardown` after them
    environment:                     # is made if there is none of that name
      name: staging
      base_url: https://staging.example.com
      variables: {region: eu}
      auth: {admin: {type: bearer, token: "{{secret.admin_token}}"}}
      default_auth: admin
    tests:
      - name: an order can be read
        tags: [orders]
        operation: GET /orders/{id}
        variables: {note: hello}
        parametrize:                 # data rows: a list of objects, or columns and rows
          columns: [id, total]
          rows: [[1, 10.5], [2, 0]]
        steps:
          - request: POST /orders
            body: {note: "{{note}}", total: "{{row.total}}"}
            extract: {order: $.id}
            assert:
              - status: 201
              - header: {Content-Type: {contains: json}}
          - request: GET /orders/{{order}}
            assert:
              - status: 200
              - body: {$.total: {type: number}, $.note: hello}
              - operation: true
              - latency: 500
                severity: warn
        teardown:
          - request: DELETE /orders/{{order}}

A test with a single step may have the step's fields itself: `{name: …, request: GET /users, assert: {status: 200}}`.
Short forms of steps are in short_forms.py; every field of the JSON form may be written as well, and means the same.
A template that stands alone needs quotes: `"{{id}}"`. Secrets are not written: an environment has them.

YAML is read as YAML 1.2 has it (`no` is text), without tags, and with a bound on what aliases repeat.
"""

from typing import Any

import yaml

from infra.errors import BadInput
from workers.specs.notes import At, Notes
from workers.specs.yaml_reading import YamlReader, plain
from workers.suites.transfer.imported import Imported, refused
from workers.suites.transfer.short_forms import long_step, short_step

Json = dict[str, Any]

PHASES = ("setup", "steps", "teardown")
OF_SUITE = ("suite", "description", "tags", "variables", "setup", "teardown", "environment", "tests")
OF_ENVIRONMENT = ("name", "description", "base_url", "variables", "headers", "auth", "default_auth")
OF_TEST = ("name", "description", "tags", "operation", "knowledge_base_id", "feature_id", "variables", "parametrize",
           "data", "data_csv", "data_file_id", *PHASES)  # fmt: skip
INTEGERS = range(-(2**63), 2**64)
WIDTH = 110


class _Reader(YamlReader):
    """As JSON has them, whole numbers are whole up to 64 bits."""

    def _meant(self, event: Any, text: str) -> Any:
        value = super()._meant(event, text)
        if isinstance(value, float) and text.lstrip("+-").isdecimal() and int(text) in INTEGERS:
            return int(text)
        return value


class _Writer(yaml.CSafeDumper):
    """Writes text in quotes wherever it would be read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """What is there twice is written twice."""
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        """Objects of scalars in one line, but for those of a single one."""
        node = super().represent_mapping(tag, mapping, flow_style)
        if len(node.value) == 1:
            node.flow_style = False
        return node


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text.strip("\n") and text == text.strip():
        style = "|"
    elif text and not isinstance(plain(text), str):
        style = "'"
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def read(text: str) -> Imported:
    """The tests of a file; raises BadInput with the line, or the pointer, of what cannot be read."""
    return of_value(parsed(text))


def parsed(text: str) -> Any:
    """A YAML document as plain data; raises BadInput."""
    try:
        return _Reader(Notes(), At("", "")).read(text)
    except BadInput as error:
        hint = ' A template that stands alone needs quotes: "{{id}}".' if "A key at" in error.detail else ""
        detail = f"{error.detail}{hint}"
        raise BadInput(detail, errors=[{"pointer": "", "detail": detail}]) from None


def of_value(value: Any) -> Imported:
    """The tests of a parsed file."""
    found = Imported()
    whole = {"tests": value} if isinstance(value, list) else value
    if not isinstance(whole, dict) or not isinstance(whole.get("tests"), list):
        raise refused("", "A file of tests is a list of tests, or an object whose `tests` is one.")
    _none_but(whole, OF_SUITE, "")
    found.suite = {name: whole[name] for name in ("description", "tags", "variables") if name in whole}
    found.suite |= {phase: _steps(whole[phase], f"/{phase}") for phase in ("setup", "teardown") if phase in whole}
    if whole.get("suite") is not None:
        found.suite["name"] = whole["suite"]
    found.environment = _environment(whole.get("environment"))
    before = "" if isinstance(value, list) else "/tests"
    wrong: list[Json] = []
    for number, test in enumerate(whole["tests"]):
        place = f"{before}/{number}"
        try:
            found.add(case_of(test, place), place)
        except BadInput as error:
            wrong += error.errors
    if wrong:
        raise BadInput(f"The file cannot be imported: {wrong[0]['detail']}", errors=wrong[:20])
    return found


def _environment(said: Any) -> Json:
    if said is None:
        return {}
    if isinstance(said, str):
        return {"name": said}
    if not isinstance(said, dict):
        raise refused("/environment", "`environment` is a name, or an object.")
    _none_but(said, OF_ENVIRONMENT, "/environment")
    return said


def case_of(test: Any, place: str) -> Json:
    """A test as the body of a case; raises BadInput."""
    if not isinstance(test, dict):
        raise refused(place, "A test is an object with a `name` and `steps`.")
    case = {name: value for name, value in test.items() if name in OF_TEST and name != "parametrize"}
    inline = {name: value for name, value in test.items() if name not in OF_TEST}
    if inline:
        if "steps" in test or not {"request", "completion", "method"} & inline.keys():
            name = next(iter(inline))
            raise refused(f"{place}/{name}", f"A test has no field {name!r}.")
        case["steps"] = [long_step(inline, place)]
    for phase in PHASES:
        if phase in test:
            case[phase] = _steps(test[phase], f"{place}/{phase}")
    if "parametrize" in test:
        case["data"] = _rows(test["parametrize"], f"{place}/parametrize")
    return case


def _steps(steps: Any, place: str) -> list[Json]:
    if not isinstance(steps, list):
        raise refused(place, "Steps are a list.")
    return [long_step(step, f"{place}/{number}") for number, step in enumerate(steps)]


def _rows(said: Any, place: str) -> list[Any]:
    if isinstance(said, list):
        return said
    columns, rows = (said.get("columns"), said.get("rows")) if isinstance(said, dict) else (None, None)
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise refused(place, "`parametrize` is a list of objects, or an object of `columns` and `rows`.")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise refused(f"{place}/rows/{number}", f"This row must be a list of {len(columns)} values.")
    return [dict(zip(map(str, columns), row, strict=True)) for row in rows]


def _none_but(found: Json, names: tuple[str, ...], place: str) -> None:
    unknown = [name for name in found if name not in names]
    if unknown:
        raise refused(f"{place}/{unknown[0]}", f"There is no field {unknown[0]!r} here; there are {', '.join(names)}.")


def test_of(case: Json) -> Json:
    """The body of a case as a test in the short form; `case_of` makes the same body of it."""
    test = {name: case[name] for name in OF_TEST if case.get(name) and name not in (*PHASES, "data")}
    if case.get("data"):
        test["parametrize"] = _columns(case["data"])
    for phase in PHASES:
        if case.get(phase):
            test[phase] = [short_step(step) for step in case[phase]]
    return test


def _columns(rows: list[Json]) -> Any:
    columns = list(rows[0])
    if len(rows) < 3 or any(list(row) != columns for row in rows) or not columns:
        return rows
    return {"columns": columns, "rows": [list(row.values()) for row in rows]}


def written(value: Any) -> str:
    """A document in YAML, that `parsed` reads as the same value."""
    made: str = yaml.dump(
        value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None
    )
    return made
