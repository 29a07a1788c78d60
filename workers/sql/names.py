"""Names of schemas, tables and columns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is written, without quotes, and as it is compared."""

    text: str
    folded: str
