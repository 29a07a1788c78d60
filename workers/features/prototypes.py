"""What features look like: the shapes that their traces have, and what users say and are told in them.

A feature has three kinds of prototypes. A `shape` is an entry (root operation), a family of prompts and a set of tools,
with how many traces had it. A `goal` is the mean of wishes that are alike, a `reply` of beginnings of answers that are;
both at an entry. Those of a person's decision are pinned. Prototypes of a merged feature lead on to the one it went
into; those of a dismissed one stay, so that nobody proposes it again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from models import Feature, FeaturePrototype, FeatureState
from workers.features import vectors
from workers.features.base import Summary, Vector
from workers.features.following import stands_for
from workers.features.structure.words import plain

Json = dict[str, Any]
Shape = tuple[str, str | None, tuple[str, ...]]

# The entry of what may have any.
ANY = ""
# Wishes, and answers, that are so alike are one prototype; a feature has at most so many of each at an entry.
ALIKE = 0.72
MOST_OF_A_VIEW, MOST_SHAPES = 30, 60
# A mean moves less and less.
HEAVIEST = 200
LONGEST_SUMMARY = 200


class View(StrEnum):
    """Of what it is a prototype."""

    SHAPE = "shape"
    GOAL = "goal"
    REPLY = "reply"


@dataclass(slots=True)
class Prototype:
    """One of them. `vector` has length 1, or is None for a shape; `wide` says of a feature's shape that its structure
    alone tells it, whatever its users say; `of` is the row that it is kept in, None for one that is not kept yet."""

    feature_id: UUID
    view: View
    shape: Shape
    vector: Vector | None
    weight: int = 1
    wide: bool = False
    pinned: bool = False
    dismissed: bool = False
    skeleton: str | None = None
    summary: str = ""
    of: UUID | None = None
    changed: bool = True

    def as_summary(self) -> Summary:
        """A trace that looks so."""
        return _of_input(self.summary if self.view == View.GOAL else "", self.shape[0], self.shape[2])

    def learn(self, vector: Vector | None, weight: int = 1) -> None:
        """Counts another trace, and moves the mean towards it."""
        if vector is not None and self.vector is not None:
            moved = self.vector * min(self.weight, HEAVIEST) + vector * weight
            self.vector = moved / np.float32(np.linalg.norm(moved) or 1.0)
        self.weight += weight
        self.changed = True


@dataclass(slots=True)
class Looks:
    """All of one feature's, to add to."""

    feature_id: UUID
    wide: bool = False
    pinned: bool = False
    prototypes: list[Prototype] = field(default_factory=list)
    _shapes: dict[Shape, Prototype] = field(default_factory=dict)
    _views: dict[tuple[View, str], list[Prototype]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.prototypes:
            self._file(one)

    def learn(self, summary: Summary) -> None:
        """Adds a trace of the feature."""
        shape = shape_of(summary)
        known = self._shapes.get(shape)
        if known is not None:
            known.learn(None)
        elif len(self._shapes) < MOST_SHAPES:
            self._add(View.SHAPE, shape, None, summary)
        if not self.wide:
            self._say(View.GOAL, shape[0], summary.vector if summary.goal else None, summary)
            self._say(View.REPLY, shape[0], summary.reply, summary)

    def _say(self, view: View, entry: str, vector: Vector | None, summary: Summary) -> None:
        if vector is None or not vector.any():
            return
        known = self._views.get((view, entry), [])
        nearest = max(known, key=lambda one: _near(one.vector, vector), default=None)
        if nearest is not None and (_near(nearest.vector, vector) >= ALIKE or len(known) >= MOST_OF_A_VIEW):
            if _near(nearest.vector, vector) >= ALIKE:
                nearest.learn(vector)
        else:
            self._add(view, (entry, None, ()), vector, summary)

    def _add(self, view: View, shape: Shape, vector: Vector | None, summary: Summary) -> None:
        told = {View.GOAL: summary.goal, View.REPLY: summary.details.get("answer", "")}.get(view, summary.text)
        made = Prototype(
            self.feature_id,
            view,
            shape,
            vector,
            wide=self.wide,
            pinned=self.pinned,
            skeleton=summary.skeleton or None,
            summary=told[:LONGEST_SUMMARY],
        )
        self.prototypes.append(made)
        self._file(made)

    def _file(self, one: Prototype) -> None:
        if one.view == View.SHAPE:
            self._shapes[one.shape] = one
        else:
            self._views.setdefault((one.view, one.shape[0]), []).append(one)


def shape_of(summary: Summary) -> Shape:
    """Entry, the family of its first prompt (its template's hash before families are known), and tools."""
    said = summary.details
    return said["entry"], said.get("family") or summary.prompt, tuple(said["tools"])


def condense(feature_id: UUID, summaries: Iterable[Summary], *, wide: bool = False, pinned: bool = False) -> Looks:
    """Prototypes of these traces."""
    made = Looks(feature_id, wide, pinned)
    for one in summaries:
        made.learn(one)
    return made


def load(session: Session, project_id: UUID, template: Callable[[str], str] = str) -> list[Prototype]:
    """All of the project's, each of the feature that its own leads to; `template` has the newest template of an
    entry."""
    features = {one.id: one for one in session.scalars(Feature.in_project(project_id))}
    found = []
    for row in session.scalars(FeaturePrototype.in_project(project_id).order_by(FeaturePrototype.id)):
        feature = stands_for(features, row.feature_id)
        if feature is not None and row.model == vectors.model():
            found.append(_of(row, feature, template))
    return found


def save(session: Session, project_id: UUID, prototypes: Iterable[Prototype]) -> None:
    """Writes those that are new or have changed."""
    changed = [one for one in prototypes if one.changed]
    known = [one.of for one in changed if one.of is not None]
    query = FeaturePrototype.in_project(project_id).where(FeaturePrototype.id.in_(known))
    rows = {row.id: row for row in session.scalars(query)} if known else {}
    for one in changed:
        row = rows.get(one.of) if one.of is not None else None
        if row is not None:
            row.embedding, row.weight = _plain(one.vector), one.weight
        elif one.of is None:
            one.of = ids.new_id()
            session.add(_row(project_id, one))
        one.changed = False
    session.flush()


def pin(session: Session, project_id: UUID, feature_id: UUID, summaries: Sequence[Summary]) -> int:
    """Has traces like these go to that feature from now on, before all that the analysis has learnt; returns the number
    of prototypes."""
    made = condense(feature_id, summaries, pinned=True).prototypes
    save(session, project_id, made)
    return len(made)


def of_inputs(_project_id: UUID, inputs: Sequence[str]) -> list[Summary]:
    """Wishes as users would write them, as if they were traces of any shape, with their vectors. Computes for some
    10 ms a wish."""
    made = [_of_input(one) for one in inputs]
    vectors.give(made, vectors.embed_now([vectors.what(one) for one in made]))
    return made


def _of_input(wish: str, entry: str = ANY, tools: Sequence[str] = ()) -> Summary:
    return Summary(
        trace_id=ids.new_id(),
        started_at=now(),
        duration_ms=0.0,
        failed=False,
        cost=None,
        skeleton="",
        steps=[],
        prompt=None,
        text=wish,
        goal=plain(wish),
        session_id=None,
        user_id=None,
        calls=(),
        revision=0,
        details={"entry": entry, "tools": list(tools), "noise": False},
    )


def _near(one: Vector | None, other: Vector) -> float:
    return 0.0 if one is None else float(one @ other)


def _plain(vector: Vector | None) -> list[float]:
    return [] if vector is None else vector.tolist()


def _of(row: FeaturePrototype, feature: Feature, template: Callable[[str], str]) -> Prototype:
    said = row.details
    return Prototype(
        feature_id=feature.id,
        view=View(said.get("view", View.SHAPE)),
        shape=(template(said.get("entry", ANY)), row.prompt, tuple(said.get("tools", ()))),
        vector=np.asarray(row.embedding, np.float32) if row.embedding else None,
        weight=row.weight,
        wide=said.get("wide", False),
        pinned=row.pinned,
        dismissed=feature.state == FeatureState.DISMISSED,
        skeleton=row.skeleton,
        summary=row.summary,
        of=row.id,
        changed=False,
    )


def _row(project_id: UUID, one: Prototype) -> FeaturePrototype:
    entry, prompt, tools = one.shape
    return FeaturePrototype(
        id=one.of,
        project_id=project_id,
        feature_id=one.feature_id,
        skeleton=one.skeleton,
        prompt=prompt,
        model=vectors.model(),
        embedding=_plain(one.vector),
        weight=one.weight,
        pinned=one.pinned,
        summary=one.summary,
        details={"view": one.view.value, "entry": entry, "tools": list(tools), "wide": one.wide},
    )
