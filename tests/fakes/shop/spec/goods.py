"""The operations around what is sold: products, reviews, prices, search."""

from typing import Any

from tests.fakes.shop.spec.parts import (
    BEARER,
    EITHER,
    NOBODY,
    STAFF,
    answer,
    enum,
    header,
    inside,
    link,
    listed,
    operation,
    query,
    ref,
    sent,
    text,
    whole,
)
from tests.fakes.shop.spec.people import ETAG, KNOWN
from tests.fakes.shop.spec.schemas import CATEGORY, PRICE, SKU, UUID
from tests.fakes.shop.store import number

Json = dict[str, Any]

THIS = inside("sku", SKU, "The product.", example="TEA-0001")
SOME = inside("sku", SKU, "The product.")
OPINION = inside("review_id", UUID, "The review.", example=number("review", 0))
POT = {"name": "Teapot", "category": "tea", "price": 3490, "weight_kg": 0.75, "stock": 12,
       "attributes": {"colour": "blue"}}  # fmt: skip


def _links(parameter: str, of: str, **operations: str) -> Json:
    return {name: link(each, parameter, f"$response.body#/{of}") for name, each in operations.items()}


PRODUCTS: Json = {
    "get": operation(
        "listProducts",
        "The products",
        EITHER,
        {"200": answer("A part of the list; each product is in exactly one.", ref("ProductPage"))},
        422,
        parameters=(
            query("limit", whole(1, 100, default=20), "At most so many items."),
            query("offset", whole(0, 100_000, default=0), "How many to skip."),
            query("category", CATEGORY, "Only products whose `category` is this."),
            query("min_price", PRICE, "Only products whose `price` is at least this."),
            query("max_price", PRICE, "Only products whose `price` is at most this."),
            query("in_stock", {"type": "boolean"}, "Only products whose `stock` is more than 0; false: is 0."),
            query("sort", enum("sku", "price", "-price", "name", default="sku"), "By what; `-`: highest first."),
        ),
        description="`total` counts all that fit, on whichever page.",
    ),
    "post": operation(
        "createProduct",
        "A new product",
        STAFF,
        {
            "201": answer(
                "The product, as it is kept.",
                ref("Product"),
                headers={"Location": header({"type": "string", "format": "uri-reference"}, "Where it is.")},
                links=_links("sku", "sku", read="getProduct", replace="replaceProduct", change="changeProduct",
                             remove="deleteProduct", reviews="listReviews", review="createReview"),
            )
        },
        409,
        body=sent(ref("NewProduct"), {"sku": "POT-0001", **POT}),
        description="409: another product has this `sku`.",
    ),
}  # fmt: skip
PRODUCT: Json = {
    "get": operation(
        "getProduct",
        "A product",
        EITHER,
        {"200": answer("It.", ref("Product"), headers={"ETag": ETAG}),
         "304": answer("It has not changed.", headers={"ETag": ETAG})},
        404,
        422,
        parameters=(THIS, KNOWN),
    ),
    "put": operation(
        "replaceProduct",
        "Replace a product",
        STAFF,
        {"200": answer("The product as it is now; what was not sent is as of a new one.", ref("Product"))},
        404,
        parameters=(THIS,),
        body=sent(ref("ProductReplacement"), POT),
        description="The same request again changes nothing.",
    ),
    "patch": operation(
        "changeProduct",
        "Change a product",
        STAFF,
        {"200": answer("The product as it is now; what was not sent is as it was.", ref("Product"))},
        404,
        parameters=(THIS,),
        body=sent(ref("ProductChange"), {"price": 499}),
    ),
    "delete": operation(
        "deleteProduct",
        "Take a product out of the shop",
        STAFF,
        {"204": answer("It is gone: from now on it is answered with 404, and no list has it.")},
        404,
        409,
        422,
        parameters=(SOME,),
        description="409: it has been ordered.",
    ),
}  # fmt: skip
REVIEWS: Json = {
    "get": operation(
        "listReviews",
        "The reviews of a product, the newest first",
        EITHER,
        {"200": answer("All of them, and the mean of their ratings.", ref("ReviewList"))},
        404,
        422,
        parameters=(THIS, query("min_rating", whole(1, 5), "Only reviews whose `rating` is at least this.")),
    ),
    "post": operation(
        "createReview",
        "Review a product",
        BEARER,
        {
            "201": answer(
                "The review, as it is kept.",
                ref("Review"),
                headers={"Location": header({"type": "string", "format": "uri-reference"}, "Where it is.")},
                links=_links("review_id", "id", read="getReview", remove="deleteReview"),
            )
        },
        404,
        parameters=(THIS,),
        body=sent(ref("NewReview"), {"rating": 5, "title": "Wunderschön", "text": "I like it 👍"}),
    ),
}
REVIEW: Json = {
    "get": operation(
        "getReview",
        "A review",
        EITHER,
        {"200": answer("It.", ref("Review"))},
        404,
        422,
        parameters=(OPINION,),
    ),
    "delete": operation(
        "deleteReview",
        "Remove a review",
        STAFF,
        {"204": answer("It is gone: from now on it is answered with 404, and no list has it.")},
        404,
        422,
        parameters=(inside("review_id", UUID, "The review."),),
    ),
}
PATHS: Json = {
    "/products": PRODUCTS,
    "/products/{sku}": PRODUCT,
    "/products/{sku}/reviews": REVIEWS,
    "/reviews/{review_id}": REVIEW,
    "/prices": {
        "post": operation(
            "askPrices",
            "The prices of many products",
            EITHER,
            {"200": answer("One for each, in that order; null: there is no such product.", ref("PriceAnswer"))},
            body=sent(ref("PriceQuestion"), {"skus": ["TEA-0001", "XXX-0000"]}),
        ),
    },
    "/search": {
        "get": operation(
            "search",
            "Search products and reviews",
            NOBODY,
            {"200": answer("What was found, the best first; `total` counts all that fit.", ref("SearchAnswer"))},
            422,
            parameters=(
                {**query("q", text(2, 60), "What to look for.", example="tea"), "required": True},
                query("limit", whole(1, 50, default=10), "At most so many hits."),
                query("types", listed(enum("product", "review"), 2, minItems=1, uniqueItems=True),
                      "Only hits whose `type` is one of these."),
            ),
        ),
    },
}  # fmt: skip
