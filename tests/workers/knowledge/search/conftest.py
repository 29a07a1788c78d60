"""A built knowledge base to search in, with the offline embedding model."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models import EntryType
from schemas.rag_build import RagBuildIn
from tests.workers.jobs.conftest import Core
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.test_builds import Attempt
from workers.knowledge import builds, drafts
from workers.knowledge.drafts import EntryContent
from workers.knowledge.search.find import Found, SearchWish, find

SHOP = {
    "refunds": "# Refunds\n\nMoney goes back to the card with which an order was paid, within five days.",
    "delivery": "# Delivery\n\nParcels leave the warehouse in Leipzig every morning and arrive after two days.",
    "password": "# Password\n\nWhoever has forgotten the password gets a link by e-mail to choose another one.",
    "errors": "# Errors\n\nE_PAYMENT_DECLINED means that the bank refused. Call listFailedPayments to see them all.",
    "warranty": "# Gewährleistung\n\nDie Gewährleistung beträgt zwei Jahre. Defekte Geräte werden kostenlos ersetzt.",
    "opening": "# ساعات العمل\n\nيفتح المتجر أبوابه من الساعة التاسعة صباحا حتى السادسة مساء في أيام الأسبوع.",
    "branches": "# 门店\n\n我们在上海和北京有两家门店,退货可以直接送到门店。",
}

Search = Callable[..., Found]


@pytest.fixture
def build(knowledge: Knowledge, run: Any) -> Callable[..., Any]:
    """Builds the draft with the offline model and activates it."""

    def built(**wish: Any) -> Any:
        loaded = RagBuildIn().load({"embedding_model": "sandbox", "activate": True, **wish})
        return run(builds.build(Attempt(knowledge), knowledge.id, loaded))

    return built


@pytest.fixture
def search(knowledge: Knowledge, run: Any) -> Search:
    """Searches in the knowledge base."""

    def searched(query: str, **wish: Any) -> Found:
        found: Found = run(find(knowledge.project, knowledge.id, SearchWish(query, **wish)))
        return found

    return searched


@pytest.fixture(scope="package")
def shop(servers: Any) -> Iterator[Knowledge]:
    """The shop's documents and one operation, built once."""
    shop = Knowledge(Core())
    tags = {"refunds": ["money", "orders"], "delivery": ["orders"], "errors": ["money"]}
    documents = [
        EntryContent(
            EntryType.DOCUMENT, key, key, said, {}, tags.get(key, []), {"public": key != "errors", "year": 2025}
        )
        for key, said in SHOP.items()
    ]
    operation = EntryContent(
        EntryType.API,
        "POST /orders/{}/cancel",
        "POST /orders/{id}/cancel: Cancel an order",
        "# POST /orders/{id}/cancel: Cancel an order\n\nStops an order that was not sent.\n\n## Parameters\n\n- id",
        {},
        ["orders"],
    )
    for type, source, entries in ((EntryType.DOCUMENT, "default", documents), (EntryType.API, "shop", [operation])):
        shop.locked(drafts.put_entries, entries, type=type, source=source)
    loaded = RagBuildIn().load({"embedding_model": "sandbox", "activate": True})
    asyncio.run(builds.build(Attempt(shop), shop.id, loaded))
    yield shop


@pytest.fixture
def in_shop(shop: Knowledge, run: Any) -> Search:
    """Searches in the shop's knowledge."""

    def searched(query: str, **wish: Any) -> Found:
        found: Found = run(find(shop.project, shop.id, SearchWish(query, **wish)))
        return found

    return searched
