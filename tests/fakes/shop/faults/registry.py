"""How a fault is written down: what it breaks, and how it does so in one operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.rules import Rules, rules_of
from tests.fakes.shop.spec import document

Json = dict[str, Any]

Proceed = Callable[[Call], Answer]
Around = Callable[[Call, Proceed], Answer]
Loosen = Callable[[Rules], object]
Authorize = Callable[[Mapping[str, str], Callable[[], str | None]], str | None]

_PLACES = {name: f"{one.method} {one.template}" for name, one in rules_of(document()).items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """`sentence` says what happens and what of the specification that breaks. The last three say how: around
    the handler, by a change of what is checked, or instead of asking who calls. `hard`: to find it takes more than a
    look at one operation's schemas, or luck."""

    name: str
    category: str
    operation: str
    sentence: str
    hard: bool = False
    around: Around | None = None
    loosen: Loosen | None = None
    authorize: Authorize | None = None

    def shown(self) -> Json:
        """As it is listed."""
        return {
            "name": self.name,
            "category": self.category,
            "operation": _PLACES[self.operation],
            "sentence": self.sentence,
            "hard": self.hard,
        }


FAULTS: dict[str, Fault] = {}


def _add(fault: Fault) -> None:
    assert fault.name not in FAULTS, fault.name
    FAULTS[fault.name] = fault


def around(
    category: str, operation: str, sentence: str, *, hard: bool = False, loosen: Loosen | None = None
) -> Callable[[Around], Around]:
    """The decorated function acts instead of the handler, which it may call; its name is the fault's."""

    def decorate(act: Around) -> Around:
        _add(Fault(act.__name__, category, operation, sentence, hard, around=act, loosen=loosen))
        return act

    return decorate


def loosened(name: str, category: str, operation: str, sentence: str, loosen: Loosen, *, hard: bool = False) -> None:
    """What is checked before the handler is changed."""
    _add(Fault(name, category, operation, sentence, hard, loosen=loosen))


def authorizing(
    category: str, operation: str, sentence: str, *, hard: bool = False
) -> Callable[[Authorize], Authorize]:
    """The decorated function says who calls, or asks as usual."""

    def decorate(act: Authorize) -> Authorize:
        _add(Fault(act.__name__, category, operation, sentence, hard, authorize=act))
        return act

    return decorate
