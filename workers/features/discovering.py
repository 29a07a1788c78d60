"""Features in what stays without one: proposed seldom, and from many traces at once.

Traces are looked at by their entry, and there by the family of their first prompt. Prompts among which the same things
are asked are one (an edit is no new feature). What is asked there decides about the rest. Where wishes are alike, as
data for one task are, all of them are one feature, told by structure from then on. Where they are not, HDBSCAN finds
groups of wishes and groups of answers, and which wishes get which answers tells what belongs together: groups that
share answers are one feature in other words (communities.py). A group that is not found again in parts of the traces
is an accident of those that came, so its traces wait for more (steadiness.py). Where much waits beside known features
and cannot be told apart, it is mostly one feature of which many things are asked: the half of it that is most alike
founds it. Where each trace uses tools of its own kind, these tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from workers.features import communities
from workers.features.assigning import Assigner
from workers.features.base import Summary, Vector
from workers.features.places import Place
from workers.features.prototypes import shape_of
from workers.features.steadiness import steadiness
from workers.features.vectors import DIMENSIONS, Matrix

Labels = npt.NDArray[np.int64]

# New traces without a feature that make a look worth while: so many, and this share of all that wait.
WORTH, SHARE = 5, 0.1
FEWEST = 5
# Scattered wishes are told apart once there are so many, or so many that are of none of the features that are known;
# what comes slowly is looked at after days, if there is some of it. A group is a feature if so much is found again.
ENOUGH, ENOUGH_LEFT, SOME, PATIENCE = 400, 100, 30, timedelta(days=2)
STEADY = 0.75
# A quarter of the pairs of wishes is less alike than this where several features share a place.
ALIKE = 0.2
# Tools tell features apart where they are of so many of the traces; a set of tools of fewer traces is an accident.
MOSTLY, RARE = 0.8, 2
DEPTH, GROUP, NEIGHBOURS = 30, 4, 2
MIXED = 0.3
# Rounds after which the more alike half of some traces hardly changes.
SETTLES = 5
SAMPLE = 400


@dataclass(slots=True)
class Candidate:
    """Traces that look like one feature; `wide` if structure alone tells it."""

    members: list[Summary]
    wide: bool


def due_at(waiting: int) -> int:
    """How many new traces make another look worth while, where so many wait."""
    return max(WORTH, int(waiting * SHARE))


def discover(buffer: Sequence[Summary], assigner: Assigner) -> list[Candidate]:
    """What may be new features among these traces. One thread computes: those of OpenMP wait for each other by
    spinning, which costs far more than it saves on matrices of this size."""
    with threadpool_limits(1):
        return _discover(buffer, assigner)


def _discover(buffer: Sequence[Summary], assigner: Assigner) -> list[Candidate]:
    entries: dict[str, list[Summary]] = {}
    for one in buffer:
        if not one.details["noise"]:
            entries.setdefault(one.details["entry"], []).append(one)
    found = []
    for entry, members in sorted(entries.items()):
        if len(members) >= FEWEST:
            for cell in _cells(members):
                found += _of_cell(cell, assigner.place(entry))
    return found


def _cells(members: Sequence[Summary]) -> list[list[Summary]]:
    """By family of prompts, where those among which the same is asked are together."""
    families: dict[str | None, list[Summary]] = {}
    for one in members:
        families.setdefault(shape_of(one)[1], []).append(one)
    cells = [own for own in families.values() if len(own) >= FEWEST]
    rest = [one for own in families.values() if len(own) < FEWEST for one in own]
    cells += [rest] if rest else []
    silent = [one for one in cells if not any(each.goal for each in one)]
    if len(cells) - len(silent) == 1:
        # The same, on its ways on which no model was asked.
        return [[one for own in cells for one in own]]
    while len(cells) > 1:
        mixed, later, former = max((_mixing(a, b), i, j) for i, a in enumerate(cells) for j, b in enumerate(cells[:i]))
        if mixed < MIXED:
            break
        cells[former] += cells.pop(later)
    return cells


def _mixing(one: Sequence[Summary], other: Sequence[Summary]) -> float:
    """How often the nearest wish is of the other, beside how often by chance: 1 where they are the same."""
    both = [each for each in [*one[:SAMPLE], *other[:SAMPLE]] if each.goal]
    own = np.array([at < len([each for each in one[:SAMPLE] if each.goal]) for at in range(len(both))])
    if len(both) < 4 or own.all() or not own.any():
        return 0.0
    near = _matrix(both)
    cosines = near @ near.T
    np.fill_diagonal(cosines, -1)
    crossed = float(np.mean(own[np.argmax(cosines, axis=1)] != own))
    share = float(own.mean())
    return crossed / (2 * share * (1 - share))


def _of_cell(cell: list[Summary], place: Place | None) -> list[Candidate]:
    """The features of one prompt at one entry; `place` is what is known there."""
    if len(cell) < FEWEST:
        return []
    tools = _by_tools(cell, place)
    if tools is not None:
        return [Candidate(own, wide=True) for own in tools if len(own) >= FEWEST]
    spoken = [one for one in cell if one.goal]
    if len(spoken) * 2 < len(cell):
        return [Candidate(cell, wide=True)]
    goals = _matrix(spoken)
    if place is None and (_is_structured(cell) or _alike(goals) >= ALIKE):
        return [Candidate(cell, wide=True)]
    return _of_wishes(cell, spoken, goals, place)


def _of_wishes(cell: list[Summary], spoken: list[Summary], goals: Matrix, place: Place | None) -> list[Candidate]:
    """What scattered wishes are of, where there are enough of them."""
    if len(spoken) < SOME:
        return []
    if len(spoken) < (ENOUGH if place is None else ENOUGH_LEFT) and not _is_slow(spoken):
        return []
    views = [_reduced(goals), _reduced(_replies(spoken))]
    labels = _told_apart(views)
    if labels is None:
        return _whole(cell, spoken, place)
    steady = steadiness(labels, lambda drawn: _told_apart([one[drawn] for one in views]))
    groups = [[one for one, of in zip(spoken, labels, strict=True) if of == label] for label in range(len(steady))]
    found = [
        Candidate(own, wide=False)
        for own, is_so in zip(groups, steady, strict=True)
        if is_so >= STEADY and len(own) >= FEWEST
    ]
    return found if found or place is None else _whole(cell, spoken, place)


def _whole(cell: list[Summary], spoken: list[Summary], place: Place | None) -> list[Candidate]:
    """What nothing tells apart is one feature, if it is much of it; beside features that are known, by its words."""
    if len(spoken) < 2 * ENOUGH and not _is_slow(spoken):
        return []
    if place is None:
        return [Candidate(cell, wide=True)]
    return [Candidate(_core(spoken), wide=False)] if len(spoken) >= ENOUGH else []


def _core(spoken: list[Summary]) -> list[Summary]:
    """The half that is most alike, in wishes and answers."""
    rows = _normal(np.hstack([_matrix(spoken), _replies(spoken)]))
    own = np.ones(len(rows), bool)
    for _ in range(SETTLES):
        near = rows @ rows[own].mean(axis=0)
        own = near >= np.median(near)
    return [one for one, is_own in zip(spoken, own, strict=True) if is_own]


def _told_apart(views: Sequence[Matrix]) -> Labels | None:
    """The number of the group that each is of, by what they have in common in all views."""
    return communities.together([_groups(one) for one in views])


def _by_tools(cell: Sequence[Summary], place: Place | None) -> list[list[Summary]] | None:
    """Where each trace uses tools of which no other kind of trace uses one, these alone tell what it was for."""
    sets: dict[tuple[str, ...], list[Summary]] = {}
    for one in cell:
        sets.setdefault(shape_of(one)[2], []).append(one)
    used = {tools: own for tools, own in sets.items() if tools and len(own) >= RARE}
    apart = sum(len(tools) for tools in used) == len({tool for tools in used for tool in tools})
    known = place.tools if place is not None else frozenset()
    if not apart or len(used) + bool(known) < 2 or sum(map(len, used.values())) < MOSTLY * len(cell):
        return None
    return [own for tools, own in used.items() if not known.intersection(tools)]


def _is_structured(cell: Sequence[Summary]) -> bool:
    """Whether answers have to be of a form that programs read: then it is one task, whatever the data."""
    return sum(1 for one in cell if one.details.get("structured")) >= MOSTLY * len(cell)


def _is_slow(spoken: Sequence[Summary]) -> bool:
    """Whether days went by, and still there are few."""
    days = max(one.started_at for one in spoken) - min(one.started_at for one in spoken)
    return days >= PATIENCE


def _replies(spoken: Sequence[Summary]) -> Matrix:
    zero: Vector = np.zeros(DIMENSIONS, np.float32)
    return np.stack([one.reply if one.reply is not None else zero for one in spoken])


def _reduced(rows: Matrix) -> Matrix:
    """What tells the rows apart, in few dimensions; rows of zeros stay zeros."""
    said = np.flatnonzero(rows.any(axis=1))
    made = np.zeros((len(rows), DEPTH), np.float32)
    if len(said) > GROUP * 2:
        centred = _normal(rows[said] - rows[said].mean(axis=0))
        depth = min(DEPTH, len(said) - 1)
        made[said, :depth] = _normal(PCA(depth, random_state=0).fit_transform(centred))
    return made


def _groups(reduced: Matrix) -> Labels:
    """HDBSCAN's groups of texts that say nearly the same; -1 for those in none."""
    said = np.flatnonzero(reduced.any(axis=1))
    made = np.full(len(reduced), -1, np.int64)
    if len(said) > GROUP * 2:
        made[said] = HDBSCAN(
            min_cluster_size=GROUP, min_samples=NEIGHBOURS, cluster_selection_method="leaf", copy=True
        ).fit_predict(reduced[said])
    return made


def _alike(goals: Matrix) -> float:
    """The likeness that a quarter of the pairs of wishes falls below."""
    some = goals[:SAMPLE]
    pairs = (some @ some.T)[np.triu_indices(len(some), 1)]
    return float(np.percentile(pairs, 25)) if len(pairs) else 1.0


def _mean_likeness(goals: Matrix) -> float:
    some = goals[:SAMPLE]
    return float((some @ some.T)[np.triu_indices(len(some), 1)].mean()) if len(some) > 1 else 1.0


def _matrix(summaries: Sequence[Summary]) -> Matrix:
    zero: Vector = np.zeros(DIMENSIONS, np.float32)
    return np.stack([one.vector if one.vector is not None else zero for one in summaries])


def _normal(rows: Matrix) -> Matrix:
    made: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return made
