"""The faults that can be seeded into the shop, and the switchboard that lets those act that are on."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults import answers, crashes, doors, inputs, lists, state
from tests.fakes.shop.faults.registry import FAULTS, Fault, Proceed
from tests.fakes.shop.rules import Rules

__all__ = ["FAULTS", "Switchboard"]

BY_THEME = (answers, crashes, doors, inputs, lists, state)


class Switchboard:
    """Which faults are on."""

    def __init__(self) -> None:
        self._on: dict[str, list[Fault]] = {}

    def switch(self, names: list[str], rules: dict[str, Rules]) -> None:
        """Exactly these from now on; `rules` are loosened by them."""
        self._on = {}
        for name in names:
            fault = FAULTS[name]
            self._on.setdefault(fault.operation, []).append(fault)
            if fault.loosen:
                fault.loosen(rules[fault.operation])

    def authorized(self, call: Call, headers: Mapping[str, str], ask: Callable[[], str | None]) -> str | None:
        """Who calls. Raises Problem."""
        for fault in self._on.get(call.operation, ()):
            if fault.authorize:
                return fault.authorize(headers, ask)
        return ask()

    def around(self, call: Call, handler: Proceed) -> Answer:
        """The handler's answer, or what the faults make of it. Raises Problem."""
        acting = [fault.around for fault in self._on.get(call.operation, ()) if fault.around]
        if not acting:
            return handler(call)

        def apart(asked: Call) -> Answer:
            """A fault changes what is answered, not what is kept."""
            answer = handler(asked)
            return replace(answer, body=deepcopy(answer.body))

        proceed: Proceed = apart
        for act in acting:
            proceed = _wrapped(act, proceed)
        return proceed(call)

    def unknown_method(self, method: str, segments: list[str], allowed: str) -> Answer:
        """The answer to a method that the path does not have. Raises Problem 405."""
        if segments == ["health"] and any(one.name == doors.ANY_METHOD for one in self._on.get("getHealth", ())):
            return Answer(body={"status": "ok"})
        raise Problem(405, f"{method} is not possible here.", headers={"Allow": allowed})


def _wrapped(act: Callable[[Call, Proceed], Answer], proceed: Proceed) -> Proceed:
    return lambda call: act(call, proceed)
