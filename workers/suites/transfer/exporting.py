"""Test cases as files: YAML that is imported again as the same content, and scripts of curl."""

from typing import Any
from uuid import UUID

from sqlalchemy import tuple_
from sqlalchemy.orm import Session

from infra import ids
from infra.errors import BadInput, NotFound
from models import Case, CaseVersion, Environment, Suite
from workers.suites import cases, content
from workers.suites.environments import get_environment
from workers.suites.transfer import curl, yaml_form
from workers.suites.transfer.short_forms import short_step

Json = dict[str, Any]
Written = list[tuple[Case, Json]]

MOST_CASES = 5000
ROWS_AT_ONCE = 500
OF_ENVIRONMENT = ("name", "description", "base_url", "variables", "headers", "auth", "default_auth")
EMPTY: tuple[Any, ...] = (None, "", {}, [])


def export(session: Session, project_id: UUID, wanted: Json) -> str:
    """The file that `wanted` (CasesExportQuery) asks for. Raises NotFound for a suite or case that is not there, and
    BadInput for more cases than one file has."""
    suite = _suite(session, project_id, wanted.get("suite_id"))
    chosen = _chosen(session, project_id, wanted, suite)
    found = _with_contents(session, project_id, chosen)
    return written(found, wanted["format"], suite, _environment(session, suite))


def export_one(session: Session, case: Case, form: str) -> str:
    """One case as a file."""
    return written([(case, cases.content_of(session, case))], form, None, None)


def written(found: Written, form: str, suite: Suite | None, environment: Environment | None) -> str:
    """The cases in that form, with the suite and the environment around them; secrets are in neither."""
    if form == "curl":
        return curl.script([_body(case, inside) for case, inside in found], _around(found, suite, environment))
    document: Json = {"tests": [test(case, inside) for case, inside in found]}
    if environment is not None:
        said = {name: getattr(environment, name) for name in OF_ENVIRONMENT}
        document = {"environment": {name: value for name, value in said.items() if value not in EMPTY}, **document}
    if suite is not None:
        around = {"description": suite.description, "tags": suite.tags, **_short(suite.content)}
        shown = {name: value for name, value in around.items() if value not in EMPTY}
        document = {"suite": suite.name, **shown, **document}
    return yaml_form.written(document)


def test(case: Case, inside: Json) -> Json:
    """A case as a test in the short form, or in the long one where the short one would not say all of it."""
    labels = {name: value for name in cases.LABELS if (value := _label(case, name)) not in EMPTY}
    short = yaml_form.test_of({**labels, **_bare(inside)})
    if kept(yaml_form.case_of(short, "")) == inside:
        return short
    return {**labels, **{name: value for name, value in inside.items() if value not in EMPTY}}


def _short(inside: Json) -> Json:
    """A suite's content with its steps in the short form."""
    bare = _bare({**{phase: [] for phase in content.PHASES}, **inside})
    return {**inside, **{phase: [short_step(step) for step in bare[phase]] for phase in ("setup", "teardown")}}


def _label(case: Case, name: str) -> Any:
    value = getattr(case, name)
    prefix = {"knowledge_base_id": "kb", "feature_id": "feat"}.get(name)
    return ids.show(prefix, value) if prefix and value is not None else value


def _bare(inside: Json) -> Json:
    """The content without the ids and kinds that steps have by themselves."""
    made = content.named_steps({phase: [{} for _ in inside[phase]] for phase in content.PHASES})
    phases = {
        phase: [
            {name: value for name, value in step.items() if name not in own or own[name] != value}
            for step, own in zip(inside[phase], made[phase], strict=True)
        ]
        for phase in content.PHASES
    }
    return {**inside, **phases}


def kept(body: Json) -> Json:
    """What `create_case` would keep of the body."""
    whole: Json = {"variables": {}, "data": [], "data_file_id": None, **{phase: [] for phase in content.PHASES}}
    kept = {name: body[name] for name in whole if name in body}
    return {**whole, **kept, **content.named_steps({**whole, **kept})}


def _body(case: Case, inside: Json) -> Json:
    return {"name": f"{case.name} ({case.public_id})", **inside}


def _around(found: Written, suite: Suite | None, environment: Environment | None) -> curl.Around:
    inside = suite.content if suite else {}
    title = f"Suite {suite.name}" if suite else found[0][0].name if len(found) == 1 else "Test cases"
    return curl.Around(
        title=title,
        base_url=environment.base_url if environment else None,
        variables={**(environment.variables if environment else {}), **inside.get("variables", {})},
        headers=environment.headers if environment else {},
        auth=environment.auth if environment else {},
        default_auth=environment.default_auth if environment else None,
        setup=inside.get("setup", []),
        teardown=inside.get("teardown", []),
    )


def _suite(session: Session, project_id: UUID, suite_id: UUID | None) -> Suite | None:
    return None if suite_id is None else cases.find_suite(session, project_id, ids.show(Suite.prefix, suite_id))


def _environment(session: Session, suite: Suite | None) -> Environment | None:
    if suite is None or suite.environment_id is None:
        return None
    try:
        return get_environment(session, suite.project_id, suite.environment_id)
    except NotFound:
        return None


def _chosen(session: Session, project_id: UUID, wanted: Json, suite: Suite | None) -> list[Case]:
    """The cases that are asked for, in the order of the suite, or of the list, or of their making."""
    query = cases.present(project_id).order_by(Case.id)
    if wanted.get("state"):
        query = query.where(Case.state == wanted["state"])
    if wanted.get("tag"):
        query = query.where(Case.tags.contains([wanted["tag"]]))
    named: list[UUID] | None = wanted.get("test_case_ids")
    if named:
        there = cases.get_cases(session, project_id, named)
        missing = [one for one in named if one not in there]
        if missing:
            raise NotFound(f"There is no test case {ids.show(Case.prefix, missing[0])}.")
        query = query.where(Case.id.in_(named))
    if suite is not None:
        query = query.where(Case.id.in_(suite.case_ids) | Case.tags.overlap(suite.select_tags))
        named = named or suite.case_ids
    found = list(session.scalars(query.limit(MOST_CASES + 1)))
    if len(found) > MOST_CASES:
        detail = f"There are more than {MOST_CASES:,} test cases; name a suite, a state or a tag."
        raise BadInput(detail, errors=[{"pointer": "/suite_id", "detail": detail}])
    places = {case_id: number for number, case_id in enumerate(named or ())}
    return sorted(found, key=lambda case: places.get(case.id, len(places)))


def _with_contents(session: Session, project_id: UUID, chosen: list[Case]) -> Written:
    found: dict[UUID, Json] = {}
    for at in range(0, len(chosen), ROWS_AT_ONCE):
        some = [(case.id, case.version) for case in chosen[at : at + ROWS_AT_ONCE]]
        query = CaseVersion.in_project(project_id).where(tuple_(CaseVersion.case_id, CaseVersion.number).in_(some))
        rows = session.execute(query.with_only_columns(CaseVersion.case_id, CaseVersion.content))
        found |= {row.case_id: row.content for row in rows}
    return [(case, found[case.id]) for case in chosen]
