"""What prompts of one call site have in common, and where they vary.

A template is text with gaps: `<*>` within a line, `<**>` across lines. A prompt is of a template if the text between
its gaps is found in it in order, with gaps not much wider than were seen.

A prompt that is of none has another text in some place. One such prompt may be the first with another name, or an edit.
They are told apart by what comes next: where the text goes on differing from prompt to prompt, the place is a gap;
where it is the same each time, somebody edited it. So a gap needs three different texts in its place (four where the
template is well known, as somebody may try two edits in a row); until then each is a template of its own. Gaps that are
known already are gaps of the new template, too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from infra import ids

Json = dict[str, Any]

GAP, WIDE_GAP = "<*>", "<**>"
GAPS = (GAP, WIDE_GAP)
MOST = 24
FLEETING, WELL_KNOWN = 2, 20
# In common: of the shorter one's words, or so many words in a row with others.
ALIKE, ENOUGH = 0.5, 20
WIDER = 3
# Words times words, and pairs of equal lines, that are compared one by one.
LONG, LONG_LINES = 100_000, 10_000


@dataclass(slots=True)
class Template:
    """`text` has a line a line; `widths` the most words that its gaps held; `born` how many prompts the site had seen
    when it came up; `who` some of those who were served with it."""

    id: str
    text: str
    seen: int = 0
    born: int = 0
    last: int = 0
    widths: list[int] = field(default_factory=list)
    who: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.settle(self.text)

    def settle(self, text: str, widths: Sequence[int] = ()) -> None:
        """Takes on another text, whose gaps nobody has measured."""
        self.text = text
        self.pieces, self.kinds = _cut(spaced(text))
        self.widths = list(widths or self.widths)
        if len(self.widths) != len(self.kinds):
            self.widths = [0] * len(self.kinds)
        self.words = Counter(one for one in text.split() if one not in GAPS)

    def fits(self, prompt: str) -> list[int] | None:
        """How many words each gap holds, of a spaced prompt that is of this template; None if it is not."""
        if not prompt.startswith(self.pieces[0]):
            return None
        at, held = len(self.pieces[0]) - 1, []
        last = len(self.pieces) - 1
        for number, piece in enumerate(self.pieces[1:], start=1):
            found = prompt.find(piece, at) if number < last else len(prompt) - len(piece)
            if found < at or not prompt.startswith(piece, found):
                return None
            between = prompt[at:found]
            if self.kinds[number - 1] == GAP and "\n" in between:
                return None
            held.append(len(between.split()))
            at = found + len(piece) - 1
        return held if last or at == len(prompt) - 1 else None

    def takes(self, prompt: str) -> bool:
        """Whether the prompt is of this template, its gaps being no wider than may be."""
        held = self.fits(prompt)
        if held is None or (self.seen > FLEETING and any(map(self._too_wide, held, self.widths, self.kinds))):
            return False
        self.widths = [max(pair) for pair in zip(held, self.widths, strict=True)]
        return True

    def _too_wide(self, held: int, most: int, kind: str) -> bool:
        return bool(most) and held > (most + WIDER if kind == GAP else 2 * most + 10 * WIDER)

    def kept(self) -> Json:
        """As JSON to keep; `Template(**kept)` is the same again."""
        names = ("id", "text", "seen", "born", "last", "widths", "who")
        return {name: getattr(self, name) for name in names}


def spaced(text: str) -> str:
    """Words and ends of lines with one space around each."""
    return f" {text.replace(chr(10), f' {chr(10)} ')} "


def _cut(text: str) -> tuple[list[str], list[str]]:
    pieces, kinds = [""], list[str]()
    for word in text.split(" ")[1:-1]:
        if word in GAPS:
            kinds.append(word)
            pieces[-1] += " "
            pieces.append("")
        else:
            pieces[-1] += f" {word}"
    pieces[-1] += " "
    return pieces, kinds


def merge(one: str, other: str) -> str:
    """What two texts, or templates, have in common, with gaps where they do not."""
    first, second = one.split("\n"), other.split("\n")
    made: list[str] = []
    for kind, a, b, c, d in _differing(first, second):
        made += first[a:b] if kind == "equal" else _lines(first[a:b], second[c:d])
    return "\n".join(line for at, line in enumerate(made) if line != WIDE_GAP or at == 0 or made[at - 1] != WIDE_GAP)


def _differing(first: list[str], second: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """What lines are equal and which are not, as difflib has it; of many that repeat only those at both ends."""
    one, other = Counter(first), Counter(second)
    if sum(count * other[line] for line, count in one.items()) <= LONG_LINES:
        return SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    head, tail = _ends(first, second)
    a, c = len(first) - tail, len(second) - tail
    made = [("equal", 0, head, 0, head), ("replace", head, a, head, c), ("equal", a, len(first), c, len(second))]
    return [one for one in made if one[1] < one[2] or one[3] < one[4]]


def _ends(first: list[str], second: list[str]) -> tuple[int, int]:
    """How many are equal at the beginning, and how many of the others at the end."""
    shorter = min(len(first), len(second))
    head = next((at for at in range(shorter) if first[at] != second[at]), shorter)
    tail = next((at for at in range(shorter - head) if first[-1 - at] != second[-1 - at]), shorter - head)
    return head, tail


def _lines(first: list[str], second: list[str]) -> list[str]:
    """Lines that differ: one by one where there are as many, else those at both ends that are alike."""
    if len(first) == len(second):
        return [_words(one, other) for one, other in zip(first, second, strict=True)]
    head: list[str] = []
    while first and second and _alike(first[0], second[0]):
        head.append(_words(first.pop(0), second.pop(0)))
    tail: list[str] = []
    while first and second and _alike(first[-1], second[-1]):
        tail.append(_words(first.pop(), second.pop()))
    return [*head, *([WIDE_GAP] if first or second else ()), *reversed(tail)]


def _alike(one: str, other: str) -> bool:
    first, second = Counter(one.split()), Counter(other.split())
    return (first & second).total() >= ALIKE * max(1, min(first.total(), second.total()))


def _words(one: str, other: str) -> str:
    """A line of what two lines have in common. A lone word between two gaps is chance."""
    if one == other:
        return one
    first, second = one.split(" "), other.split(" ")
    if WIDE_GAP in (one, other):
        return WIDE_GAP
    made: list[str] = []
    at = (0, 0)
    for a, b, size in _matches(first, second):
        outer = (a == 0 and b == 0) or (a + size == len(first) and b + size == len(second))
        if not outer and size == 1:
            continue
        if (a, b) != at and made[-1:] != [GAP]:
            made.append(GAP)
        made += [word for word in first[a : a + size] if word != GAP or made[-1:] != [GAP]]
        at = (a + size, b + size)
    return " ".join(made)


def carried(template: str, prompt: str) -> str:
    """The prompt with the template's gaps, where they can be found in it."""
    first, second = template.split("\n"), prompt.split("\n")
    made: list[str] = []
    for kind, a, b, c, d in _differing(first, second):
        made += second[c:d] if kind == "equal" else _carried_lines(first[a:b], second[c:d])
    return "\n".join(made)


def _carried_lines(first: list[str], second: list[str]) -> list[str]:
    if len(first) == len(second) and WIDE_GAP not in first:
        return [_carried_words(one, other) for one, other in zip(first, second, strict=True)]
    head: list[str] = []
    while first and second and first[0] != WIDE_GAP and _alike(first[0], second[0]):
        head.append(_carried_words(first.pop(0), second.pop(0)))
    tail: list[str] = []
    while first and second and first[-1] != WIDE_GAP and _alike(first[-1], second[-1]):
        tail.append(_carried_words(first.pop(), second.pop()))
    return [*head, *([WIDE_GAP] if WIDE_GAP in first else second), *reversed(tail)]


def _carried_words(line: str, said: str) -> str:
    first, second = line.split(" "), said.split(" ")
    if GAP not in line or len(first) * len(second) > LONG:
        return said
    made: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if kind == "equal" or GAP not in first[a:b]:
            made += second[c:d]
        elif made[-1:] != [GAP]:
            made.append(GAP)
    return " ".join(made)


def _matches(first: list[str], second: list[str]) -> list[tuple[int, int, int]]:
    """Runs of words that two lines share, as difflib has them; of long lines only those at both ends."""
    if len(first) * len(second) <= LONG:
        return [
            (one.a, one.b, one.size)
            for one in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
        ]
    head, tail = _ends(first, second)
    ends = (len(first), len(second))
    return [(0, 0, head), (ends[0] - tail, ends[1] - tail, tail), (*ends, 0)]


def literals(text: str) -> Counter[str]:
    """The words of a template that are no gaps."""
    return Counter(one for one in text.split() if one not in GAPS)


class Templates:
    """Those of a call site. `take` says of which one a prompt is, and `gone` which ones were taken up by which."""

    def __init__(self, kept: Sequence[Json] = ()) -> None:
        self.known = [Template(**one) for one in kept]
        self.gone: dict[str, str] = {}
        self._quick: dict[str, Template] = {}

    def take(self, prompt: str, total: int, *, learn: bool = True) -> Template:
        """The template of a normalised prompt, which may be a new one; `total` is how many the site had before."""
        found = self._find(prompt) or (self._learn(prompt, total) if learn else self._add(prompt, total))
        found.seen += 1
        found.last = total
        return found

    def by_id(self, wanted: str) -> Template | None:
        """The template of that id, or what took it up."""
        while wanted in self.gone:
            wanted = self.gone[wanted]
        return next((one for one in self.known if one.id == wanted), None)

    def _find(self, prompt: str) -> Template | None:
        found = self._quick.get(prompt)
        if found is not None and found in self.known and self.by_id(found.id) is found:
            return found
        text = spaced(prompt)
        for one in sorted(self.known, key=lambda one: -one.seen):
            if one.takes(text):
                if not one.kinds:
                    self._quick[prompt] = one
                return one
        return None

    def _learn(self, prompt: str, total: int) -> Template:
        near = self._near(prompt)
        fleeting = [one for one in near if one.seen <= FLEETING]
        for base in near:
            others = [one for one in fleeting if one is not base]
            if len(others) < (2 if base.seen >= WELL_KNOWN else 1):
                continue
            common = prompt
            for one in others[:2]:
                common = merge(one.text, common)
            made = merge(base.text, common)
            if literals(common) == literals(made):
                return self._widen(base, made)
        # What agrees with a new template against an older one, and differs in other places, is that one's.
        for new in fleeting:
            both = merge(new.text, prompt)
            if any(literals(both) - literals(merge(one.text, both)) for one in near if one.seen > FLEETING):
                return self._widen(new, both)
        gapped = next((one for one in near if one.kinds and one.seen > FLEETING), None)
        text = carried(gapped.text, prompt) if gapped else prompt
        if gapped and text == gapped.text and (held := gapped.fits(spaced(prompt))) is not None:
            # Only its gaps were narrower so far.
            gapped.widths = [max(pair) for pair in zip(held, gapped.widths, strict=True)]
            return gapped
        return self._add(text, total, prompt)

    def _near(self, prompt: str) -> list[Template]:
        """Those that have enough in common with the prompt, the most alike first."""
        words = Counter(prompt.split())
        ranked = sorted(self.known, key=lambda one: -(one.words & words).total())
        return [one for one in ranked[:6] if self._enough(one, prompt, words)]

    def _enough(self, one: Template, prompt: str, words: Counter[str]) -> bool:
        shorter = min(one.words.total(), words.total())
        if (one.words & words).total() < min(ALIKE * shorter, ENOUGH):
            return False
        common = literals(merge(one.text, prompt)).total()
        return common >= ALIKE * shorter or common >= ENOUGH

    def _widen(self, base: Template, text: str) -> Template:
        """The template with more gaps, and without those that are only it; it may be only another one itself."""
        base.settle(text)
        for one in [*self.known]:
            if one is not base and base.fits(spaced(one.text)) is not None:
                self._take_up(one, base)
        wider = next((one for one in self.known if one is not base and one.fits(spaced(base.text)) is not None), None)
        return base if wider is None else self._take_up(base, wider)

    def _take_up(self, one: Template, into: Template) -> Template:
        into.seen, into.born = into.seen + one.seen, min(into.born, one.born)
        into.who = [*dict.fromkeys([*into.who, *one.who])]
        self.gone[one.id] = into.id
        self.known.remove(one)
        return into

    def _add(self, text: str, total: int, prompt: str = "") -> Template:
        made = Template(ids.new_id().hex, text, born=total)
        if prompt and made.fits(spaced(prompt)) is None:
            made.settle(prompt)
        # With another one's gaps it may be what the first few were before these had shown that they vary.
        young = [one for one in self.known if made.kinds and one.seen < WELL_KNOWN]
        self.known.append(made)
        for one in young:
            if made.fits(spaced(one.text)) is not None:
                self._take_up(one, made)
        return made

    def crowded_out(self) -> list[Template]:
        """Takes away the rarest of too many."""
        out: list[Template] = []
        while len(self.known) > MOST:
            rarest = min(self.known, key=lambda one: (one.seen > FLEETING, one.last))
            self.known.remove(rarest)
            out.append(rarest)
        return out
