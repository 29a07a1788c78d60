"""Flags: one query, whatever there is."""

from sqlalchemy import event

from infra import db
from models import FeatureState
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import flags


def test_flags_are_those_of_the_project_in_the_order_of_their_keys(core: Core) -> None:
    project = core.project()
    for key, enabled in (("b", True), ("a", False)):
        core.do(rows.feature, project, key=key, enabled=enabled)
    core.do(rows.feature, core.project(), key="c")
    assert [*core.do(flags.flags, project).items()] == [("a", False), ("b", True)]


def test_a_key_that_leads_to_a_dismissed_feature_has_no_flag(core: Core) -> None:
    project = core.project()
    into = core.do(rows.feature, project, key="into", state=FeatureState.DISMISSED)
    core.do(rows.feature, project, key="merged", state=FeatureState.MERGED, merged_into=into)
    assert core.do(flags.flags, project) == {}


def test_flags_cost_one_query(core: Core) -> None:
    project = core.project()
    for _ in range(3):
        core.do(rows.feature, project)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        core.do(flags.flags, project)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len(asked) == 1 and "FROM features" in asked[0]
