"""Writing into the draft, giving it up, and what differs."""

from sqlalchemy import event

from infra import db
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import diffs, drafts, entries, overview
from workers.knowledge.diffs import Side
from workers.paging import Window


def keys(changed: list[drafts.Changed]) -> list[str]:
    return sorted(one.key for one in changed)


def differences(knowledge: Knowledge, before: Side, after: Side) -> dict[str, str]:
    def look(session):
        return diffs.diff(session, knowledge.base, before, after, Window(100, None, "asc")).shown

    return {one["key"]: one["change"] for one in knowledge.do(look)}


def test_entries_are_added_changed_removed_and_left_alone(knowledge: Knowledge) -> None:
    assert keys(knowledge.put(a="one", b="two", c="three").added) == ["a", "b", "c"]
    serial = knowledge.base.draft_serial
    done = knowledge.put(replace=True, a="one", b="other", d="new")
    assert (keys(done.added), keys(done.changed), keys(done.removed), done.unchanged) == (["d"], ["b"], ["c"], 1)
    assert knowledge.base.draft_serial == serial + 1


def test_equal_content_writes_no_row_and_is_no_other_draft(knowledge: Knowledge) -> None:
    knowledge.put(a="one", b="two")
    serial, statements = knowledge.base.draft_serial, []
    note = lambda *args: statements.append(args[2])  # noqa: E731
    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        assert not knowledge.put(replace=True, a="one", b="two")
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert not [one for one in statements if one.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert knowledge.base.draft_serial == serial


def test_an_entry_that_comes_back_keeps_its_id_and_what_it_says_again_its_revision(knowledge: Knowledge) -> None:
    first = knowledge.put(a="one").added[0]
    knowledge.put(replace=True)
    again = knowledge.put(a="one").added[0]
    assert (again.entry_id, again.after) == (first.entry_id, first.after)
    other = knowledge.put(a="two").changed[0]
    assert other.after != first.after
    assert knowledge.put(a="one").changed[0].after == first.after
    assert (
        knowledge.core.sql("SELECT count(*) AS n FROM kb_revisions WHERE entry_id = :id", id=first.entry_id)[0].n == 2
    )


def test_a_discarded_draft_says_what_the_active_version_says(knowledge: Knowledge) -> None:
    knowledge.put(a="one", b="two")
    knowledge.core.sql(
        "UPDATE knowledge_bases SET active_version = :n WHERE id = :kb", n=knowledge.built(), kb=knowledge.id
    )
    knowledge.put(replace=True, b="changed", c="new")
    draft, active = Side(draft=True), Side(1)
    assert differences(knowledge, active, draft) == {"a": "removed", "b": "changed", "c": "added"}
    assert knowledge.locked(drafts.discard, by=knowledge.writer) == 3
    assert differences(knowledge, active, draft) == {}
    assert knowledge.events() == ["kb.discarded"]
    serial = knowledge.base.draft_serial
    assert knowledge.locked(drafts.discard, by=knowledge.writer) == 0
    assert knowledge.events() == ["kb.discarded"] and knowledge.base.draft_serial == serial


def test_without_an_active_version_a_discarded_draft_is_empty(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    assert knowledge.locked(drafts.discard, by=knowledge.writer) == 1
    assert knowledge.do(lambda session: overview.overviews(session, [knowledge.base]))[knowledge.id].only("draft") == {
        "api": 0,
        "table": 0,
        "document": 0,
    }


def test_a_difference_shows_the_fields_and_long_texts_from_where_they_part(knowledge: Knowledge) -> None:
    long = "same " * 1000
    knowledge.put(a=long + "before" + "x" * 1000, b="short")
    knowledge.built()
    knowledge.put(a=long + "after" + "x" * 1000, b="other")

    def look(session):
        return diffs.diff(session, knowledge.base, Side(1), Side(draft=True), Window(100, None, "asc")).shown

    a, b = knowledge.do(look)
    assert b["fields_changed"] == [{"pointer": "/text", "before": "short", "after": "other"}]
    shown = a["fields_changed"][0]
    assert "before" in shown["before"] and "after" in shown["after"] and len(shown["before"]) < 600


def test_pages_of_differences_have_each_entry_once(knowledge: Knowledge) -> None:
    knowledge.put(False, **{f"key{n}": "text" for n in range(7)})
    seen, window = [], Window(3)
    while True:
        found = knowledge.do(
            lambda session, at=window: diffs.diff(session, knowledge.base, Side(), Side(draft=True), at)
        )
        seen += [one["key"] for one in found.shown]
        if not found.has_more:
            break
        window = Window(3, found.rows[-1].id)
    assert sorted(seen) == sorted(f"key{n}" for n in range(7)) and seen == sorted(seen, reverse=True)


def test_the_figures_of_a_base_tell_draft_and_active_apart(knowledge: Knowledge) -> None:
    knowledge.put(a="one", b="two", c="three")
    knowledge.core.sql(
        "UPDATE knowledge_bases SET active_version = :n WHERE id = :kb", n=knowledge.built(), kb=knowledge.id
    )
    figures = knowledge.do(lambda session: overview.overviews(session, [knowledge.base]))[knowledge.id]
    assert overview.draft_state(knowledge.base, figures) == "clean"
    knowledge.put(replace=True, b="changed", c="three", d="new", e="new")
    figures = knowledge.do(lambda session: overview.overviews(session, [knowledge.base]))[knowledge.id]
    assert figures.counts["document"] == {
        "draft": 4, "active": 3, "added": 2, "changed": 1, "removed": 1, "unchanged": 1,
    }  # fmt: skip
    assert overview.draft_state(knowledge.base, figures) == "changed"


def test_entries_of_another_base_are_not_found(knowledge: Knowledge) -> None:
    other = Knowledge(knowledge.core)
    theirs = other.put(a="one").added[0].entry_id
    assert knowledge.do(lambda session: entries.entries_by_id(session, knowledge.base, [theirs])) == {}
