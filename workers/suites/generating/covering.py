"""Schemathesis as a library: values at the bounds of a schema, values outside of them, and any that are valid.

It is the one file that knows how its inside is called; the version is locked, and a test imports it. What it draws is
the same for the same schema, and `drawn` for the same seed. It is slow to import: only the jail does.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException
from schemathesis.config import GenerationConfig
from schemathesis.core.jsonschema.patterns import update_quantifier
from schemathesis.core.parameters import ParameterLocation
from schemathesis.errors import SchemathesisError
from schemathesis.generation import GenerationMode
from schemathesis.generation.coverage import GenerationSession
from schemathesis.specs.openapi._hypothesis import _build_custom_formats
from schemathesis.specs.openapi.coverage._schema import CoverageContext, GeneratedValue, cover_schema_iter

Json = dict[str, Any]

MOST = 60
# Draws of which the last is taken: the first is always the simplest.
DRAWS = 5
_PLACES = {
    "body": ParameterLocation.BODY,
    "query": ParameterLocation.QUERY,
    "path": ParameterLocation.PATH,
    "header": ParameterLocation.HEADER,
    "cookie": ParameterLocation.COOKIE,
}
_SETTINGS = settings(
    database=None,
    deadline=None,
    max_examples=DRAWS,
    verbosity=Verbosity.quiet,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
# What it raises for schemas that nothing can be made for.
HOPELESS = (HypothesisException, SchemathesisError, jsonschema_rs.ValidationError, ValueError, TypeError, KeyError,
            IndexError, AttributeError, OverflowError, RecursionError, NotImplementedError)  # fmt: skip


class Covering:
    """One generation's caches around the library."""

    def __init__(self) -> None:
        self._session = GenerationSession()
        self._formats = _build_custom_formats(GenerationConfig(), GenerationMode.POSITIVE)

    def inside(self, schema: Json, place: str) -> list[Any]:
        """Valid values, the plainest first, then those at the bounds. The schema compiles alone."""
        return [one.value for one in self._covered(schema, place, GenerationMode.POSITIVE)]

    def outside(self, schema: Json, place: str) -> list[tuple[str, Any]]:
        """Values with the keyword that each violates; as they are sent, outside of a body as text."""
        found = self._covered(schema, place, GenerationMode.NEGATIVE)
        return [((one.location or "").rpartition("/")[2], one.value) for one in found]

    def drawn(self, schema: Json, seed: int) -> list[Any]:
        """Some valid values, as Hypothesis draws them with that seed."""
        strategy = None
        with suppress(*HOPELESS):
            strategy = self._context(schema, "body", GenerationMode.POSITIVE).build_strategy(schema)
        values: list[Any] = []

        def keep(value: Any) -> None:
            values.append(value)

        if strategy is not None:
            with suppress(*HOPELESS):
                seeded(seed)(_SETTINGS(given(strategy)(keep)))()
        return values

    def _covered(self, schema: Json, place: str, mode: GenerationMode) -> list[GeneratedValue]:
        found: list[GeneratedValue] = []
        with suppress(*HOPELESS):
            found.extend(islice(self._iterated(schema, place, mode), MOST))
        return found

    def _iterated(self, schema: Json, place: str, mode: GenerationMode) -> Iterator[GeneratedValue]:
        return cover_schema_iter(self._context(schema, place, mode), schema)

    def _context(self, schema: Json, place: str, mode: GenerationMode) -> CoverageContext:
        return CoverageContext(
            session=self._session,
            root_schema=schema,
            location=_PLACES[place],
            media_type=("application", "json") if place == "body" else None,
            generation_modes=[mode],
            is_required=True,
            custom_formats=self._formats,
            validator_cls=jsonschema_rs.Draft202012Validator,
            update_pattern=update_quantifier,
        )
