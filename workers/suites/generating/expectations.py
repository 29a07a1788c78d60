"""What the specification says an answer must be, as assertions. Nothing else is asked: no system is looked at."""

from typing import Any

from workers.suites.generating.operations import Operation, Status

Json = dict[str, Any]

# What a server may answer a request with that does not fit, in the body or the query, in the path, and so on.
UNFIT = (400, 422)
UNFIT_PATH = (400, 404, 422)
UNFIT_TYPE = (400, 415, 422)
UNKNOWN = (401, 403)
# Also where nothing is wrong with the request itself.
BUSY = (429,)


def status(*expected: Status) -> Json:
    """It has this status, or one of them."""
    return {"type": "status", "expected": expected[0] if len(expected) == 1 else list(expected)}


def conforms(operation: Operation, knowledge_base_id: str | None) -> Json:
    """It is documented: status, content type, headers and body."""
    where = {"knowledge_base_id": knowledge_base_id} if knowledge_base_id else {}
    return {"type": "operation", "operation": operation.name, **where, "source": operation.source}


def accepted(operation: Operation) -> list[Status]:
    """What a valid request is answered with. Where anybody may ask and 401 is documented, it judges what was sent: a
    password is not made up."""
    also = operation.documented(*BUSY)
    if not operation.guarded and operation.body is not None:
        also = [*operation.documented(401), *also]
    return [*operation.successes, *also]


def accepted_by_state(operation: Operation) -> list[Status]:
    """The same for a value of which only the form is known: what goes on with a thing may not go with its state."""
    goes_on = operation.method == "POST" and operation.path_names and not operation.path.endswith("}")
    return [*accepted(operation), *(operation.documented(409) if goes_on else [])]


def refused(operation: Operation, among: tuple[int, ...]) -> list[Status]:
    """What a request that does not fit is answered with: what is documented of these, else any 4xx."""
    found: list[Status] = [*operation.documented(*among)]
    return [*found, *operation.documented(*BUSY)] if found else ["4xx"]


def told(operation: Operation, expected: list[Status]) -> str:
    """The half-sentence about it."""
    plain = [one for one in expected if one not in BUSY]
    if plain == ["4xx"]:
        documents = (
            "documents no status for it, so any 4xx"
            if operation.documents_refusals
            else "documents no 4xx at all, so any"
        )
        return f"the specification {documents} will do"
    return f"the specification documents {' or '.join(map(str, plain))}"


def body(path: str, op: str = "equals", expected: Any = None) -> Json:
    """Something in the answer compares so with the expected."""
    found: Json = {"type": "body", "path": path, "op": op}
    return found if op in ("exists", "not_exists", "empty", "not_empty") else {**found, "expected": expected}
