"""To which known feature a trace belongs.

Candidates are the features whose traces begin with the same operation; where nothing begins so, the one that alone has
the same prompt. Among them the evidence is weighed as it has been learnt: how usual prompt and tools are for each (what
all features of an entry share says nothing), how near the user's words come to what its users say, and, where that is
not enough, what the user was told to what they are told. Where structure alone tells a feature, words are not asked.
A trace that resembles none enough stays without a feature until others like it come.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt

from models import Assigned
from workers.features.base import Assignment, Summary, Vector
from workers.features.places import Place, places_by, shares
from workers.features.prototypes import ANY, Looks, Prototype, View, shape_of

Array = npt.NDArray[np.float64]

# How much nearness counts: a cosine higher by 0.1 makes a feature so many times likelier (e to the tenth of it).
SHARPNESS, SHARPNESS_OF_REPLY = 20.0, 20.0
SURE, SURE_OF_STRUCTURE, SURE_WITHOUT_REPLY = 0.7, 0.95, 0.97
# So near a trace has to come to what a feature's users say, or to that and what they are told together: known features
# are not all that there are, and what is likeliest among them may still be none of it. A model may be asked about what
# comes to that share of it.
NEAR, NEAR_BOTH, GREY = 0.62, 1.15, 0.75
NEAR_ELSEWHERE, NEAR_PINNED = 0.6, 0.72
# What structure alone tells is looked at closely once in so many, when a feature is well known.
SAMPLE, WELL_KNOWN = 8, 200


@dataclass(slots=True)
class Decision:
    """What was decided about a trace: its feature (None: none), by what, how sure; `nearest` are those that it may be
    of; `swallowed` if it is like what a person dismissed; `doubtful` if what the user was told may tell more."""

    feature_id: UUID | None = None
    by: str = Assigned.STRUCTURE
    confidence: float = 0.0
    nearest: Sequence[UUID] = ()
    swallowed: bool = False
    doubtful: bool = False


@dataclass(slots=True)
class Doubt:
    """A trace that resembles some features, but none enough."""

    summary: Summary
    nearest: Sequence[UUID]


@dataclass(slots=True)
class Assigner:
    """All that is known of a project's features. `likeness` is of families of prompts; `names` tell a model of
    features; `doubts` are of the last call."""

    prototypes: list[Prototype]
    likeness: Callable[[str, str], float]
    names: dict[UUID, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    _entries: dict[str, Place] = field(default_factory=dict)
    _prompts: dict[str, Place] = field(default_factory=dict)
    _dismissed: set[UUID] = field(default_factory=set)
    _pinned: list[Prototype] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dismissed = {one.feature_id for one in self.prototypes if one.dismissed}
        self._pinned = [one for one in self.prototypes if one.pinned]
        self._entries = places_by(self.prototypes, lambda one: one.shape[0])
        self._prompts = places_by(self.prototypes, lambda one: one.shape[1])

    def place(self, entry: str) -> Place | None:
        """What is known of an entry."""
        return self._entries.get(entry)

    def examples(self) -> list[list[Summary]]:
        """For each known feature what stands for its traces: a summary for each prototype, without ids."""
        made: dict[UUID, list[Summary]] = {}
        for one in self.prototypes:
            if one.view != View.REPLY:
                made.setdefault(one.feature_id, []).append(one.as_summary())
        return [*made.values()]

    def wants_vector(self, summary: Summary) -> bool:
        """Whether the user's words are needed: not where structure decides, but for a sample."""
        entry, prompt, tools = shape_of(summary)
        place = self._entries.get(entry)
        if place is None or self._pinned or not summary.goal:
            return bool(summary.goal)
        at, sure = _best(place.structure(prompt, tools, self.likeness))
        settled = place.wide[at] and sure >= SURE_OF_STRUCTURE and place.weights[at] >= WELL_KNOWN
        return not settled or summary.trace_id.int % SAMPLE == 0

    def wants_reply(self, summary: Summary) -> bool:
        """Whether what the user was told may tell what their words do not."""
        if not summary.goal or not summary.details.get("answer"):
            return False
        decided = self.decide(summary)
        return decided.doubtful and not decided.swallowed

    def assign_all(self, summaries: Iterable[Summary]) -> list[Assignment]:
        """Assignments of those that belong to a known feature."""
        self.doubts = []
        made = []
        for one in summaries:
            decided = self.decide(one)
            one.details["swallowed"] = decided.swallowed
            if decided.feature_id is not None:
                made.append(Assignment(one, decided.feature_id, decided.by, decided.confidence))
            elif decided.nearest and not decided.swallowed:
                self.doubts.append(Doubt(one, decided.nearest))
        return made

    def learn(self, assignments: Iterable[Assignment]) -> None:
        """Lets features look like what they were just given, where that is sure."""
        looks: dict[UUID, Looks] = {}
        for one in assignments:
            own = looks.get(one.feature_id)
            if own is None:
                known = [each for each in self.prototypes if each.feature_id == one.feature_id and not each.pinned]
                wide = bool(known) and all(each.wide for each in known if each.view == View.SHAPE)
                own = looks[one.feature_id] = Looks(one.feature_id, wide, prototypes=known)
            own.learn(one.summary)
        fresh = [each for one in looks.values() for each in one.prototypes if each.of is None]
        self.prototypes += fresh

    def decide(self, summary: Summary) -> Decision:
        """What is decided about one trace."""
        if summary.details["noise"]:
            return Decision()
        decided = self._by_person(summary) or self._by_all(summary)
        if decided.feature_id in self._dismissed:
            return Decision(swallowed=True)
        return decided

    def _by_person(self, summary: Summary) -> Decision | None:
        """What a person gave to a feature goes before all else, where it is as near as anything."""
        shape = shape_of(summary)
        best, found = NEAR_PINNED, None
        for one in self._pinned:
            if one.shape[0] not in (ANY, shape[0]) or one.view == View.REPLY:
                continue
            if one.view == View.SHAPE:
                near = 1.0 if not summary.goal and one.shape == shape else 0.0
            else:
                near = _near(one.vector, summary)
            if near >= best:
                best, found = near, one
        if found is None:
            return None
        place, vector = self._entries.get(shape[0]), summary.vector if summary.goal else None
        if place is not None and vector is not None and float(place.near(View.GOAL, vector).max()) > best + 1e-6:
            return None
        return Decision(found.feature_id, Assigned.EMBEDDING, round(min(1.0, best), 3))

    def _by_all(self, summary: Summary) -> Decision:
        entry, prompt, tools = shape_of(summary)
        place = self._entries.get(entry)
        if place is None:
            return self._by_prompt(summary)
        structure = place.structure(prompt, tools, self.likeness)
        at, sure = _best(structure)
        if place.is_foreign(at, tools):
            return Decision(doubtful=True)
        if place.wide[at] and sure >= SURE_OF_STRUCTURE and (prompt in place.prompts or len(place.features) == 1):
            return Decision(place.features[at], Assigned.STRUCTURE, round(sure * 0.98, 3))
        if not summary.goal or summary.vector is None:
            known = sure >= SURE and (prompt in place.prompts or len(place.features) == 1)
            return Decision(place.features[at], Assigned.STRUCTURE, round(sure * 0.9, 3)) if known else Decision()
        return self._of_words(summary, place, structure)

    def _of_words(self, summary: Summary, place: Place, structure: Array) -> Decision:
        assert summary.vector is not None
        near = place.near(View.GOAL, summary.vector)
        likely, enough = structure + SHARPNESS * near, near / NEAR
        told = summary.reply is not None and summary.reply.any()
        if summary.reply is not None and told:
            # What is known by its users' words alone is taken to be told as it is asked.
            replies = np.where(place.has(View.REPLY), place.near(View.REPLY, summary.reply), near)
            likely, enough = likely + SHARPNESS_OF_REPLY * replies, (near + replies) / NEAR_BOTH
        at, sure = _best(likely)
        fits = bool(place.wide[at]) or enough[at] >= 1
        doubtful = not told and not (fits and sure >= SURE_WITHOUT_REPLY)
        if fits and sure >= SURE:
            how = Assigned.EMBEDDING if not place.wide[at] else Assigned.STRUCTURE
            return Decision(
                place.features[at], how, round(sure * min(1.0, 0.5 + float(near[at])), 3), doubtful=doubtful
            )
        order = np.argsort(-shares(likely))[:3]
        nearest = [place.features[one] for one in order if enough[one] >= GREY]
        return Decision(nearest=nearest, doubtful=doubtful)

    def _by_prompt(self, summary: Summary) -> Decision:
        """A new entry with a prompt that one feature alone has is that feature's, if its users say the like."""
        place = self._prompts.get(shape_of(summary)[1] or "")
        if place is not None and len(place.features) == 1 and summary.goal and summary.vector is not None:
            known = self._near_feature(place.features[0], summary.vector)
            if known >= NEAR_ELSEWHERE:
                return Decision(place.features[0], Assigned.EMBEDDING, round(min(0.9, known), 3))
        return Decision(doubtful=True)

    def _near_feature(self, feature_id: UUID, vector: Vector) -> float:
        near = (
            float(one.vector @ vector)
            for one in self.prototypes
            if one.feature_id == feature_id and one.view == View.GOAL and one.vector is not None
        )
        return max(near, default=0.0)


def _best(likely: Array) -> tuple[int, float]:
    all_shares = shares(likely)
    at = int(np.argmax(all_shares))
    return at, float(all_shares[at])


def _near(one: Vector | None, summary: Summary) -> float:
    if one is None or summary.vector is None or not summary.goal:
        return 0.0
    return float(one @ summary.vector)
