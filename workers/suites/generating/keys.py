"""By what a generated case is known when its operation is generated for again.

Not by its content, which changes with every property that is added: two cases are the same if they are about the same
thing, of the same seed, and the operations in their steps want the same of a request as they did.
"""

import hashlib
from functools import cache
from typing import Any

from infra import json
from workers.suites.generating.operations import Api, Operation

Json = dict[str, Any]


@cache
def basis(operation: Operation) -> str:
    """What a request to the operation must have, and what may come of it: another one makes other cases necessary."""
    view, body = operation.sent, operation.body
    needed = [
        [one["in"], one["name"], view.whole(one["schema"])]
        for one in operation.parameters
        if one.get("required") or one["in"] == "path"
    ]
    sent: Any = None
    if body is not None:
        plain = view.flat(body.schema)
        properties, required = operation.properties_sent(), plain.get("required")
        names = sorted(required) if isinstance(required, list) else []
        parts = {name: view.whole(properties[name]) for name in names if name in properties}
        sent = [body.media_type, body.required, parts if properties else view.whole(body.schema)]
    return _digest([operation.name, needed, sent, sorted(operation.responses), operation.security])


def key(case: Json, seed: int, api: Api) -> str:
    """The key of a case."""
    source = case["source"]
    names = {str(step.get("operation")) for step in [*case["setup"], *case["steps"]]}
    used = [basis(one) for one in (api.find(*name.split(" ", 1)) for name in sorted(names) if " " in name) if one]
    about = [source[name] for name in ("operation", "api", "mode", "category", "parameter", "keyword")]
    return _digest([seed, about, case["name"], used])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dump_canonical(value)).hexdigest()[:32]
