"""Tables in words."""

from typing import Any

import pytest

from tests.workers.sql import scripts
from workers.sql.ddl import parse
from workers.sql.describing import LONGEST, describe, entry_of, title_of, words_of

Json = dict[str, Any]


def tables(ddl: str) -> dict[str, Json]:
    found: dict[str, Json] = parse({"ddl": ddl}, {})["tables"]
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cust_ord_itm", "cust ord itm"),
        ("customerOrders", "customer orders"),
        ("HTTPLog2", "http log 2"),
        ("Kundengröße_alt", "kundengröße alt"),
        ("orders", ""),
        ("", ""),
    ],
)
def test_a_name_is_said_in_words(name: str, words: str) -> None:
    assert words_of(name) == words or words.replace(" ", "") == words_of(name).replace(" ", "")


def test_a_table_is_described_with_what_its_columns_mean_and_what_refers_to_it() -> None:
    found = tables(scripts.POSTGRES)
    text = describe("public.customers", found["public.customers"])
    assert text.startswith("# Table public.customers\n\nPeople who buy; it's them\n")
    assert "- `email`: character varying(255), unique, required, default `'a,b;c'::character varying`. Where we" in text
    assert "- `created_at` (created at): timestamp with time zone, required" in text
    assert "one of sad, ok" in text and "numbered by the database" in text
    assert "- `shop.orders` refers to it by `customer_id`" in text
    orders = describe("shop.orders", found["shop.orders"])
    assert "- `customer_id` refers to `id` of `public.customers`, and is emptied when that is deleted" in orders
    assert title_of("shop.order_items", {"name": "order_items"}) == "shop.order_items (order items)"


def test_the_same_record_makes_the_same_entry_and_a_large_one_a_bounded_text() -> None:
    ddl = f"CREATE TABLE wide ({', '.join(f'column_number_{one} varchar(100) NOT NULL' for one in range(1500))})"
    record = tables(ddl)["wide"]
    entry = entry_of("wide", record)
    assert entry == entry_of("wide", record) and len(entry["text"]) <= LONGEST
    assert entry["labels"] == {"dialect": record["dialect"], "kind": "table"}
