"""The rules that say which changes of an API break its clients, under oasdiff's ids where it has them."""

from workers.specs.rules import (
    bounds,
    branches,
    lifecycle,
    objects,
    operation,
    parameters,
    request_body,
    response,
    security,
    types,
    values,
)
from workers.specs.rules.base import Rule

RULES: tuple[Rule, ...] = (
    *operation.RULES,
    *lifecycle.RULES,
    *security.RULES,
    *parameters.RULES,
    *request_body.RULES,
    *response.RULES,
    *objects.RULES,
    *types.RULES,
    *bounds.RULES,
    *values.RULES,
    *branches.RULES,
)
