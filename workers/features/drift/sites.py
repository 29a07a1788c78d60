"""A call site of a feature: which prompts, models, parameters and tools its calls use, and when that changes.

`state` is what is kept of it, as JSON: `templates`; `values` by part (`{part: {key: [seen, born, days, what]}}`);
`accepted` keys by part, of which none is a change any more; `recent` calls in the order of their times; `prompts`
(combinations of the four); `open` changes by part; `switches`, when prompts were changed; `returns`, how often a value
came and went; `loose`, whether its prompts are ad hoc; `total` calls.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from infra import ids
from workers.features.drift import switching
from workers.features.drift.fingerprints import Made
from workers.features.drift.switching import RECENT, Switch, Value
from workers.features.drift.templates import FLEETING, Template, Templates, literals

Json = dict[str, Any]

TEMPLATE, MODEL, PARAMETERS, TOOLS = PARTS = ("template", "model", "parameters", "tools")
LOOSE = "loose"
ANY = "*"
MOST_VALUES, MOST_WHO, MOST_PROMPTS, MOST_DAYS = 6, 3, 100, 60
SMALL = 3
LEARN_EVERY = 4
SEVERAL, MOST_RETURNS = 3, 20


@dataclass(frozen=True, slots=True)
class Use:
    """One call, of a trace that began at `at` (milliseconds); `who` is whose it was, if that is known."""

    at: int
    trace_id: UUID
    made: Made
    who: str | None


class Recent(NamedTuple):
    """A call among the recent ones."""

    at: int
    trace: str
    template: str
    model: str
    parameters: str
    tools: str


@dataclass(frozen=True, slots=True)
class Change:
    """A part has another value from a time on. `parts` are those that changed with it; `traces` some of both sides;
    `prompts` the ids of the prompts of both sides."""

    part: str
    parts: tuple[str, ...]
    switch: Switch
    since: int
    traces: tuple[list[str], list[str]]
    prompts: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Recovery:
    """A part is as it was before a change."""

    part: str
    at: int


class Site:
    """One call site, as it is learnt from its calls."""

    def __init__(self, state: Json | None = None) -> None:
        kept = state or {}
        self.templates = Templates(kept.get("templates", ()))
        self.values: dict[str, dict[str, list[Any]]] = kept.get("values", {part: {} for part in PARTS})
        self.accepted: dict[str, list[str]] = kept.get("accepted", {part: [] for part in PARTS})
        self.recent = [Recent(*one) for one in kept.get("recent", ())]
        self.prompts: dict[str, Json] = kept.get("prompts", {})
        self.open: dict[str, Json] = kept.get("open", {})
        self.switches: list[int] = kept.get("switches", [])
        self.returns: dict[str, int] = kept.get("returns", {})
        self.loose: bool = kept.get("loose", False)
        self.total: int = kept.get("total", 0)

    def kept(self) -> Json:
        """As JSON to keep."""
        return {
            "templates": [one.kept() for one in self.templates.known],
            **{
                name: getattr(self, name)
                for name in ("values", "accepted", "prompts", "open", "returns", "loose", "total")
            },
            "switches": self.switches[-20:],
            "recent": [list(one) for one in self.recent],
        }

    def take(self, use: Use) -> list[Change | Recovery]:
        """Takes in a call; what changed by it. One that came late is counted, and changes nothing."""
        seen = Recent(use.at, use.trace_id.hex, self._template(use), *self._others(use))
        self._count(seen, use)
        self.total += 1
        insort(self.recent, seen)
        newest = self.recent[-1] is seen
        del self.recent[:-RECENT]
        return self._changes(seen) if newest else []

    def _template(self, use: Use) -> str:
        if use.made.prompt is None:
            return ""
        before = len(self.templates.gone)
        learn = not self.loose or self.total % LEARN_EVERY == 0
        found = self.templates.take(use.made.prompt, self.total, learn=learn)
        if use.who and use.who not in found.who and len(found.who) < MOST_WHO:
            found.who.append(use.who)
        if len(self.templates.gone) > before:
            self._follow()
        for rarest in self.templates.crowded_out():
            self._replace(rarest.id, ANY)
        return found.id

    def _follow(self) -> None:
        """Templates that were taken up by another one are that one wherever they are named."""
        for gone in [*self.templates.gone]:
            stands = self.templates.by_id(gone)
            self._replace(gone, stands.id if stands else ANY)

    def _replace(self, gone: str, stands: str) -> None:
        self.recent = [one._replace(template=stands) if one.template == gone else one for one in self.recent]
        known = self.values[TEMPLATE]
        if gone in known:
            seen, born, days, what = known.pop(gone)
            other = known.get(stands, [0, born, [], what])
            merged = sorted({*other[2], *days})[-MOST_DAYS:]
            known[stands] = [other[0] + seen, min(other[1], born), merged, other[3]]
        accepted = self.accepted[TEMPLATE]
        if gone in accepted:
            accepted.remove(gone)
            if stands not in accepted:
                accepted.append(stands)
        for key, prompt in [*self.prompts.items()]:
            if prompt["template"] == gone:
                del self.prompts[key]
                self._add_prompt({**prompt, "template": stands})

    def _others(self, use: Use) -> tuple[str, str, str]:
        """Keys of model, parameters and tools: `*` for a part that has another value in many calls."""
        whats = (use.made.provider, use.made.parameters, use.made.tools)
        keys = []
        for part, key, what in zip(PARTS[1:], (self._model(use.made), *use.made.keys), whats, strict=True):
            known = self.values[part]
            if key not in known:
                key = key if len(known) < MOST_VALUES else ANY
                known.setdefault(key, [0, self.total, [], what if key != ANY else None])
            keys.append(key)
        return keys[0], keys[1], keys[2]

    def _model(self, made: Made) -> str:
        """The model's name. A call that failed knows only what was asked for, not which version would have answered."""
        name = made.model or ""
        if made.failed and name not in self.values[MODEL]:
            dated = (
                one for one in self.values[MODEL] if one.startswith(f"{name}-") and one[len(name) + 1 :][:1].isdigit()
            )
            return next(dated, name)
        return name

    def _count(self, seen: Recent, use: Use) -> None:
        day = use.at // 86_400_000
        self.values[TEMPLATE].setdefault(seen.template, [0, self.total, [], None])
        for part in PARTS:
            value = self.values[part][getattr(seen, part)]
            value[0] += 1
            if day not in value[2]:
                value[2] = sorted([*value[2], day])[-MOST_DAYS:]
            if not self.accepted[part]:
                self.accepted[part].append(getattr(seen, part))
        found = {
            **{part: getattr(seen, part) for part in PARTS},
            "id": ids.new_id().hex, "provider": use.made.provider, "seen": 1, "days": [day],
            "first": use.at, "last": use.at, "trace": seen.trace,
        }  # fmt: skip
        self._add_prompt(found)

    def _add_prompt(self, found: Json) -> None:
        key = "|".join(found[part] for part in PARTS)
        known = self.prompts.get(key)
        if known is None:
            self.prompts[key] = found
            if len(self.prompts) > MOST_PROMPTS:
                del self.prompts[min(self.prompts, key=lambda one: self.prompts[one]["last"])]
            return
        known["seen"] += found["seen"]
        known["days"] = sorted({*known["days"], *found["days"]})[-MOST_DAYS:]
        known["first"] = min(known["first"], found["first"])
        if found["last"] >= known["last"]:
            known["last"], known["trace"] = found["last"], found["trace"]

    def value(self, part: str, key: str) -> Value:
        """What is known of a value."""
        seen, born, days, _ = self.values[part].get(key, (0, 0, [], None))
        return Value(seen, len(days), born)

    def text(self, template: str) -> str | None:
        """A template's text."""
        found = self.templates.by_id(template)
        return found.text if found else None

    def is_rare(self, prompt: Json) -> bool:
        """Whether a prompt is one of those that nearly each call has one of."""
        return self.loose and prompt["template"] in self._rare()

    def settle(self, parts: Sequence[str]) -> None:
        """What was changed is right: the new values are those to compare with, and former ones that are used no more
        would be a change."""
        recent = self.recent[-switching.LOOSE_AMONG :]
        for part in parts:
            found = self.open.pop(part, None)
            if found and part != LOOSE and found["old"] not in {getattr(one, part) for one in recent}:
                self._unlearn(part, found["old"])

    def _went(self, part: str, key: str) -> None:
        """A value is used no more. The next time it is a change again; what comes and goes is one of several."""
        times = self.returns.pop(f"{part} {key}", 0) + 1
        self.returns = {**dict([*self.returns.items()][-MOST_RETURNS:]), f"{part} {key}": times}
        if times < SEVERAL:
            self._unlearn(part, key)

    def _unlearn(self, part: str, key: str) -> None:
        """A value would be a change if it came up again."""
        self.accepted[part] = [one for one in self.accepted[part] if one != key]
        if key in self.values[part]:
            self.values[part][key][1] = self.total

    def _changes(self, seen: Recent) -> list[Change | Recovery]:
        made: list[Change | Recovery] = []
        self._tighten()
        switches = {part: found for part in PARTS if (found := self._switch(part, getattr(seen, part)))}
        if switches:
            part = next(iter(switches))
            self._accept(switches)
            self.switches += [seen.at] * (part == TEMPLATE)
            made.append(self._change(part, tuple(switches), switches[part]))
        made += self._come_loose(seen)
        made += [Recovery(part, seen.at) for part in [*self.open] if self._is_back(part)]
        return made

    def _switch(self, part: str, key: str) -> Switch | None:
        if key in self.accepted[part] or key in (ANY, "") or (part == TEMPLATE and self.loose):
            return None
        recent = [getattr(one, part) for one in self.recent]
        values = {one: self.value(part, one) for one in {*recent, *self.accepted[part]}}
        if part == TEMPLATE and not self._told_apart(key):
            return None
        wholly = part == TEMPLATE and self._is_small(key)
        since = max(1, self.total - self.value(part, key).born)
        found = switching.switched(recent, values, self.accepted[part], since=since, wholly=wholly)
        if found is not None and not found.known and (wholly or not self._is_everybodys(part, key)):
            # Of a prompt of which little is known, a few words are rather a gap that nobody has noticed.
            found = None
        if found is None and switching.settled(recent, values):
            self.accepted[part].append(key)
        return found

    def _told_apart(self, key: str) -> bool:
        """Whether several people were served with a template, as far as people are told apart: what one alone sees may
        be about them."""
        found = self.templates.by_id(key)
        told = [one for one in self.templates.known if len(one.who) > 1]
        return found is None or not told or len(found.who) > 1

    def _is_everybodys(self, part: str, key: str) -> bool:
        """Whether a template that came up early is what several people are served with, not one of several."""
        found = self.templates.by_id(key) if part == TEMPLATE else None
        told = any(one.who for one in self.templates.known)
        return found is not None and (not told or len(found.who) >= MOST_WHO)

    def _is_small(self, key: str) -> bool:
        """Whether a template differs from one in use by so few words that it may be another person's."""
        new = self.templates.by_id(key)
        olds = [self.templates.by_id(one) for one in self.accepted[TEMPLATE]]
        return new is not None and any(old is not None and _distance(old, new) <= SMALL for old in olds)

    def _accept(self, switches: dict[str, Switch]) -> None:
        for part, found in switches.items():
            self.accepted[part].append(found.new)
            self.open[part] = {"old": found.old, "new": found.new, "share": found.share}

    def _change(self, part: str, parts: tuple[str, ...], found: Switch) -> Change:
        first = self.recent[found.at]
        old = [one for one in self.recent[: found.at] if getattr(one, part) == found.old]
        new = [one for one in self.recent[found.at :] if getattr(one, part) == found.new]
        sides = ([one.trace for one in old[-5:]], [one.trace for one in new[:5]])
        prompts = (self._prompt_of(part, found.old, old), self._prompt_of(part, found.new, new))
        return Change(part, parts, found, first.at, sides, prompts)

    def _prompt_of(self, part: str, key: str, recent: list[Recent]) -> str | None:
        """The prompt that a value was last used in."""
        if recent:
            found = self.prompts.get("|".join(recent[-1][2:]))
            if found:
                return str(found["id"])
        having = [one for one in self.prompts.values() if one[part] == key]
        return str(max(having, key=lambda one: one["last"])["id"]) if having else None

    def _come_loose(self, seen: Recent) -> list[Change | Recovery]:
        if self.loose or not any(self.value(TEMPLATE, one).steady for one in self.accepted[TEMPLATE]):
            self.loose = self.loose or self._always_loose()
            return []
        recent = [one.template for one in self.recent]
        if not switching.came_loose(recent, self._rare(), self.accepted[TEMPLATE]):
            return []
        steady = [one for one in self.accepted[TEMPLATE] if self.value(TEMPLATE, one).steady]
        old = max(steady, key=lambda one: self.value(TEMPLATE, one).seen)
        at = max((number for number, one in enumerate(recent) if one == old), default=-1) + 1
        found = Switch(old, seen.template, min(at, len(recent) - 1), 1.0, known=True)
        self.loose = True
        self.open[LOOSE] = {"old": old, "new": ANY, "share": 1.0}
        return [self._change(TEMPLATE, (LOOSE,), found)]

    def _rare(self) -> set[str]:
        return {ANY, *(one.id for one in self.templates.known if one.seen <= FLEETING)}

    def _always_loose(self) -> bool:
        """Whether there never was a template here, after some dozen calls."""
        rare = self._rare()
        tail = [one.template for one in self.recent[-switching.LOOSE_AMONG :]]
        return len(tail) == switching.LOOSE_AMONG and sum(one in rare for one in tail) >= switching.LOOSE

    def _tighten(self) -> None:
        """A site whose calls share a template again is ad hoc no more."""
        if not self.loose:
            return
        tail = [one.template for one in self.recent[-switching.LOOSE_AMONG :]]
        rare = self._rare()
        if len(tail) == switching.LOOSE_AMONG and sum(one not in rare for one in tail) >= switching.LOOSE:
            self.loose = False

    def _is_back(self, part: str) -> bool:
        said = self.open[part]
        if part == LOOSE:
            tail = [one.template for one in self.recent[-switching.LAST :]]
            back = len(tail) == switching.LAST and all(one == said["old"] for one in tail)
        else:
            recent = [getattr(one, part) for one in self.recent]
            since = recent[recent.index(said["new"]) :] if said["new"] in recent else []
            said["share"] = max(said["share"], since.count(said["new"]) / len(since)) if since else said["share"]
            back = switching.recovered(recent, said["old"], said["new"], said["share"])
            if back:
                self._went(part, said["new"])
        if back:
            del self.open[part]
        return back


def _distance(old: Template, new: Template) -> int:
    """How many words two templates do not share, of the one that has more of them."""
    first, second = literals(old.text), literals(new.text)
    return max((first - second).total(), (second - first).total())
