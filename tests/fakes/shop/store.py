"""The shop's data, in memory; a new store always holds the same customers, products, orders, reviews and notes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

Json = dict[str, Any]

CATEGORIES = ("tea", "coffee", "books", "garden", "toys")
COUNTRIES = ("DE", "FR", "GB", "JP", "US")
STATUSES = ("new", "paid", "shipped", "delivered", "cancelled")
FIRST_ORDER = 100_001
CUSTOMER_TOKEN, STAFF_KEY = "shop-customer-token", "shop-staff-key"
NAME, PASSWORD = "anna", "correct horse battery staple"
OPENED = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)


def number(kind: str, index: int) -> str:
    """The same UUID each time."""
    return str(uuid5(NAMESPACE_URL, f"shop:{kind}:{index}"))


def fresh() -> str:
    """A UUID that nothing has yet."""
    return str(uuid4())


def moment(when: datetime | None = None) -> str:
    """A date-time as the API writes it."""
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Store:
    """All there is, by id. `me` is the profile of the customer whose token is known from the start."""

    customers: dict[str, Json] = field(default_factory=dict)
    products: dict[str, Json] = field(default_factory=dict)
    orders: dict[int, Json] = field(default_factory=dict)
    reviews: dict[str, Json] = field(default_factory=dict)
    carts: dict[str, Json] = field(default_factory=dict)
    coupons: dict[str, Json] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    me: Json = field(default_factory=dict)
    failures: list[float] = field(default_factory=list)


def filled() -> Store:
    """The shop as it opens."""
    store = Store(tokens={CUSTOMER_TOKEN: number("customer", 0)})
    _customers(store)
    _products(store)
    _orders(store)
    store.carts[number("cart", 0)] = {
        "id": number("cart", 0), "items": [{"sku": "TEA-0001", "quantity": 2}], "created_at": moment(OPENED)
    }  # fmt: skip
    store.coupons["WELCOME10"] = coupon("WELCOME10", {"percent": 10, "valid_until": "2099-12-31T23:59:59Z"})
    store.notes = {"readme": "Öffnungszeiten: 9–18 Uhr ☕\n", "empty": "", "japanese": "いらっしゃいませ"}
    store.me = {
        "id": number("customer", 0), "nickname": NAME, "language": "de", "newsletter": True, "birthday": "1990-05-17"
    }  # fmt: skip
    return store


def coupon(code: str, given: Json) -> Json:
    """A coupon that nobody has used."""
    return {"code": code, "max_uses": None, **given, "used": 0}


def _customers(store: Store) -> None:
    for index in range(60):
        found = number("customer", index)
        store.customers[found] = {
            "id": found,
            "name": f"Customer {index:02d}",
            "email": f"customer{index:02d}@shop.example",
            "country": COUNTRIES[index % 5],
            "birthday": f"19{60 + index % 40}-0{1 + index % 9}-1{index % 10}" if index % 3 else None,
            "tags": ["regular"] if index % 2 else [],
            "created_at": moment(OPENED + timedelta(days=index)),
        }


def _products(store: Store) -> None:
    for index in range(120):
        category = CATEGORIES[index % 5]
        sku = f"{category[:3].upper()}-{index + 1:04d}"
        store.products[sku] = {
            "sku": sku,
            "name": f"{category.capitalize()} {index + 1}",
            "description": f"The {index + 1}. thing in our window.",
            "category": category,
            "price": 100 + (index * 7919) % 9000,
            "currency": "EUR",
            "weight_kg": 0.25 + index % 8,
            "stock": (index * 31) % 50,
            "attributes": {"colour": ("red", "green", "blue")[index % 3]},
            "created_at": moment(OPENED + timedelta(hours=index)),
        }


def _orders(store: Store) -> None:
    skus = list(store.products)
    for index in range(60):
        items: list[Json] = [{"sku": skus[(index + n) % 120], "quantity": 1 + n} for n in range(1 + index % 3)]
        priced = [{**item, "price": store.products[item["sku"]]["price"]} for item in items]
        store.orders[FIRST_ORDER + index] = {
            "id": FIRST_ORDER + index,
            "customer_id": number("customer", index % 20),
            "status": STATUSES[index % 5],
            "items": priced,
            "total": sum(item["price"] * item["quantity"] for item in priced),
            "coupon": None,
            "note": None if index % 2 else "Please ring twice.",
            "shipping_address": {"street": f"Main street {index}", "city": "Berlin", "postal_code": "10115",
                                 "country": "DE"},
            "created_at": moment(OPENED + timedelta(days=index)),
        }  # fmt: skip
    for index in range(30):
        found = number("review", index)
        store.reviews[found] = {
            "id": found,
            "sku": skus[index % 10],
            "rating": 1 + index % 5,
            "title": f"Opinion {index}",
            "text": "I would buy it again.",
            "author": f"Customer {index:02d}",
            "created_at": moment(OPENED + timedelta(days=index)),
        }
