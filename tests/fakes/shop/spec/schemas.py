"""The schemas of the shop."""

from typing import Any

from tests.fakes.shop.spec.parts import change, enum, listed, ref, text, thing, whole
from tests.fakes.shop.store import CATEGORIES, COUNTRIES, STATUSES

Json = dict[str, Any]

UUID: Json = {"type": "string", "format": "uuid"}
MOMENT: Json = {"type": "string", "format": "date-time"}
DATE: Json = {"type": "string", "format": "date"}
MAYBE_DATE: Json = {"type": ["string", "null"], "format": "date"}
EMAIL: Json = {"type": "string", "format": "email", "maxLength": 120}
PRICE = whole(0, 1_000_000, description="In cents.")
SKU: Json = {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}
CODE: Json = {"type": "string", "pattern": "^[A-Z0-9]{4,12}$"}
NOTE_NAME: Json = {"type": "string", "pattern": "^[a-z0-9_-]{1,40}$"}
TAGS = listed({"type": "string", "pattern": "^[a-z]{1,20}$"}, 10, uniqueItems=True)
ATTRIBUTES: Json = {"type": "object", "maxProperties": 20, "additionalProperties": text(0, 100)}
LANGUAGE = enum("de", "en", "fr", "ja")
COUNTRY, CATEGORY, STATUS = enum(*COUNTRIES), enum(*CATEGORIES), enum(*STATUSES)
RATING = whole(1, 5)
WEIGHT: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": 1000}

_CUSTOMER = {"name": text(1, 100), "email": EMAIL, "country": COUNTRY, "birthday": MAYBE_DATE, "tags": TAGS}
_PRODUCT = {
    "name": text(1, 120),
    "description": text(0, 2000),
    "category": CATEGORY,
    "price": PRICE,
    "weight_kg": WEIGHT,
    "stock": whole(0, 100_000),
    "attributes": ATTRIBUTES,
}
_REVIEW = {"rating": RATING, "title": text(1, 80), "text": text(0, 2000)}
_LINE = {"sku": SKU, "quantity": whole(1, 99)}
_COUPON = {
    "percent": whole(1, 90),
    "valid_until": MOMENT,
    "max_uses": {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000},
}
_ME = {"nickname": text(1, 40), "language": LANGUAGE, "newsletter": {"type": "boolean"}, "birthday": MAYBE_DATE}


def page(items: str, most: int, *others: str, **more: Any) -> Json:
    """A page of a list."""
    counted = {name: whole(0, 2**53) for name in others}
    names = " ".join(["items", *others, *more])
    return thing(names, items=listed(ref(items), most), **counted, **more)


_ERROR = thing("pointer detail", pointer={"type": "string"}, detail=text(1, 2000))
PEOPLE: dict[str, Json] = {
    "Problem": thing(
        "type title status detail",
        type={"type": "string", "format": "uri-reference"},
        title=text(1, 200),
        status=whole(400, 599),
        detail=text(1, 2000),
        errors={"type": "array", "minItems": 1, "items": _ERROR},
    ),
    "Health": thing("status version time", status=enum("ok"), version=text(1, 20), time=MOMENT),
    "Login": thing("name password", name=text(1, 60), password=text(8, 100, format="password")),
    "Token": thing("token expires_at", token=text(16, 100), expires_at=MOMENT),
    "Me": thing("id nickname language newsletter birthday", id=UUID, **_ME),
    "MeChange": change(**_ME),
    "Customer": thing("id name email country birthday tags created_at", id=UUID, **_CUSTOMER, created_at=MOMENT),
    "NewCustomer": thing("name email country", **_CUSTOMER),
    "CustomerChange": change(**_CUSTOMER),
    "CustomerPage": page("Customer", 50, "page", "per_page", "total"),
}  # fmt: skip
GOODS: dict[str, Json] = {
    "Product": thing(
        "sku name description category price currency weight_kg stock attributes created_at",
        sku=SKU, **_PRODUCT, currency=enum("EUR"), created_at=MOMENT,
    ),
    "NewProduct": thing("sku name category price", sku=SKU, **_PRODUCT),
    "ProductReplacement": thing("name category price", **_PRODUCT),
    "ProductChange": change(**_PRODUCT),
    "ProductPage": page("Product", 100, "limit", "offset", "total"),
    "Review": thing(
        "id sku rating title text author created_at",
        id=UUID, sku=SKU, **_REVIEW, author=text(1, 100), created_at=MOMENT,
    ),
    "NewReview": thing("rating title", **_REVIEW),
    "ReviewList": thing(
        "items average", items={"type": "array", "items": ref("Review")},
        average={"type": ["number", "null"], "minimum": 1, "maximum": 5},
    ),
    "PriceQuestion": thing("skus", skus=listed(SKU, 50, uniqueItems=True)),
    "PriceAnswer": thing("prices", prices=listed(
        thing("sku price", sku=SKU, price={"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000}), 50)),
    "SearchAnswer": thing("query hits total", query=text(2, 60), total=whole(0, 2**53), hits=listed(
        thing("type id title score", type=enum("product", "review"), id=text(1, 60), title=text(1, 120),
              score={"type": "number", "minimum": 0, "maximum": 1}), 50)),
}  # fmt: skip
SALES: dict[str, Json] = {
    "Address": thing(
        "street city postal_code country", street=text(1, 120), city=text(1, 80),
        postal_code={"type": "string", "pattern": "^[0-9]{5}$"}, country=COUNTRY,
    ),
    "OrderItem": thing("sku quantity price", **_LINE, price=PRICE),
    "Order": thing(
        "id customer_id status items total coupon note shipping_address created_at",
        id=whole(1, 2**53), customer_id=UUID, status=STATUS, items=listed(ref("OrderItem"), 20, minItems=1),
        total=whole(0, 2**53), coupon={"type": ["string", "null"], "pattern": "^[A-Z0-9]{4,12}$"},
        note={"type": ["string", "null"], "maxLength": 500}, shipping_address=ref("Address"), created_at=MOMENT,
    ),
    "NewOrder": thing(
        "customer_id items shipping_address", customer_id=UUID, items=listed(ref("NewItem"), 20, minItems=1),
        coupon=CODE, note={"type": ["string", "null"], "maxLength": 500}, shipping_address=ref("Address"),
    ),
    "NewItem": thing("sku quantity", **_LINE),
    "OrderPage": page("Order", 50, next_after={"type": ["integer", "null"], "minimum": 1}),
    "OrderItems": thing("items", items=listed(ref("OrderItem"), 20, minItems=1)),
    "StatusChange": thing("status", status=enum("paid", "shipped", "delivered")),
    "Cart": thing(
        "id items total created_at", id=UUID, items=listed(ref("CartItem"), 120), total=whole(0, 2**53),
        created_at=MOMENT,
    ),
    "CartItem": thing("sku quantity price", **_LINE, price=PRICE),
    "Quantity": thing("quantity", quantity=whole(1, 99)),
    "Coupon": thing("code percent valid_until max_uses used", code=CODE, **_COUPON, used=whole(0, 2**53)),
    "CouponTerms": thing("percent valid_until", **_COUPON),
    "NoteList": thing("items total", total=whole(0, 2**53), items={"type": "array", "items": thing(
        "name characters", name=NOTE_NAME, characters=whole(0, 10_000))}),
}  # fmt: skip
SCHEMAS = PEOPLE | GOODS | SALES
