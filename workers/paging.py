"""Walking a list by its keys: as fast on the last page as on the first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.base import Record

Row = TypeVar("Row", bound=Record)


@dataclass(frozen=True, slots=True)
class PageOf(Generic[Row]):
    """Some rows of a list, and whether more follow; `shown` where they are not shown as they are."""

    rows: list[Row]
    has_more: bool
    shown: list[Any] | None = None

    def map(self, view: Callable[[Row], Any]) -> "PageOf[Row]":
        """The same page, with another look."""
        return PageOf(self.rows, self.has_more, [view(row) for row in self.rows])


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted; `after` is the last row of the page before."""

    limit: int = 20
    after: UUID | None = None
    order: str = "desc"


def page(session: Session, query: Select[Any], model: type[Row], window: Window) -> PageOf[Row]:
    """The rows of `query` in that window, by id and so by time.

    Their ids are found first, which an index of the filtered columns can do alone. Asked for whole rows, the planner
    prefers the primary key, and walks it past everybody else's.
    """
    newest_first = window.order == "desc"
    if window.after is not None:
        query = query.where(model.id < window.after if newest_first else model.id > window.after)
    order = model.id.desc() if newest_first else model.id.asc()
    found = query.with_only_columns(model.id).order_by(order).limit(window.limit + 1)
    rows = list(session.scalars(select(model).where(model.id.in_(found)).order_by(order)))
    return PageOf(rows[: window.limit], len(rows) > window.limit)
