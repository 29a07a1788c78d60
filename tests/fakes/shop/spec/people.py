"""The operations around people: signing in, one's own profile, customers."""

from typing import Any

from tests.fakes.shop.spec.parts import (
    BEARER,
    EITHER,
    NOBODY,
    STAFF,
    answer,
    header,
    inside,
    link,
    operation,
    query,
    ref,
    sent,
    text,
    whole,
)
from tests.fakes.shop.spec.schemas import COUNTRY, UUID
from tests.fakes.shop.store import NAME, PASSWORD, number

Json = dict[str, Any]

ANNA = number("customer", 0)
THIS = inside("customer_id", UUID, "The customer.", example=ANNA)
SOME = inside("customer_id", UUID, "The customer.")
ETAG = header({"type": "string", "minLength": 3}, "Of this state of the thing; another state has another one.")
KNOWN = {"name": "If-None-Match", "in": "header", "required": False, "schema": text(0, 100),
         "description": "An ETag; if the thing still has it, the answer is 304 without a body."}  # fmt: skip
BERTA = {"name": "Berta Ünal", "email": "berta@shop.example", "country": "FR", "birthday": "1987-11-30",
         "tags": ["regular"]}  # fmt: skip

PATHS: Json = {
    "/health": {
        "get": operation("getHealth", "Whether the shop is open", NOBODY, {"200": answer("It is.", ref("Health"))}),
    },
    "/auth/tokens": {
        "post": operation(
            "createToken",
            "Sign in",
            NOBODY,
            {"201": answer("Signed in.", ref("Token"))},
            401,
            429,
            body=sent(ref("Login"), {"name": NAME, "password": PASSWORD}),
            description="401: the name or the password is wrong. 429: 5,000 wrong ones came within the last minute.",
        ),
    },
    "/me": {
        "get": operation("getMe", "My profile", BEARER, {"200": answer("It.", ref("Me"))}),
        "patch": operation(
            "changeMe",
            "Change my profile",
            BEARER,
            {"200": answer("The profile as it is now; what was not sent is as it was.", ref("Me"))},
            body=sent(ref("MeChange"), {"nickname": "Änne", "language": "fr"}),
        ),
    },
    "/customers": {
        "get": operation(
            "listCustomers",
            "The customers, by name",
            EITHER,
            {
                "200": answer(
                    "A page; each customer is on exactly one.",
                    ref("CustomerPage"),
                    headers={"X-Total-Count": header(whole(0, 2**53), "All customers that fit, on whichever page.")},
                )
            },
            422,
            parameters=(
                query("page", whole(1, 10_000, default=1), "Which page; pages begin at 1."),
                query("per_page", whole(1, 50, default=20), "At most so many items are on a page."),
                query("country", COUNTRY, "Only customers whose `country` is this."),
            ),
        ),
        "post": operation(
            "createCustomer",
            "A new customer",
            STAFF,
            {
                "201": answer(
                    "The customer, as it is kept.",
                    ref("Customer"),
                    headers={"Location": header({"type": "string", "format": "uri-reference"}, "Where it is.")},
                    links={
                        "read": link("getCustomer", "customer_id", "$response.body#/id"),
                        "replace": link("replaceCustomer", "customer_id", "$response.body#/id"),
                        "change": link("changeCustomer", "customer_id", "$response.body#/id"),
                        "remove": link("deleteCustomer", "customer_id", "$response.body#/id"),
                    },
                )
            },
            409,
            body=sent(ref("NewCustomer"), BERTA),
            description="409: another customer has this `email`.",
        ),
    },
    "/customers/{customer_id}": {
        "get": operation(
            "getCustomer",
            "A customer",
            EITHER,
            {"200": answer("It.", ref("Customer"), headers={"ETag": ETAG}),
             "304": answer("It has not changed.", headers={"ETag": ETAG})},
            404,
            422,
            parameters=(THIS, KNOWN),
        ),
        "put": operation(
            "replaceCustomer",
            "Replace a customer",
            STAFF,
            {"200": answer("The customer as it is now; what was not sent is as of a new one.", ref("Customer"))},
            404,
            409,
            parameters=(THIS,),
            body=sent(ref("NewCustomer"), {"name": "Anna", "email": "customer00@shop.example", "country": "DE"}),
            description="The same request again changes nothing. 409: another customer has this `email`.",
        ),
        "patch": operation(
            "changeCustomer",
            "Change a customer",
            STAFF,
            {"200": answer("The customer as it is now; what was not sent is as it was.", ref("Customer"))},
            404,
            409,
            parameters=(THIS,),
            body=sent(ref("CustomerChange"), {"name": "Anna-Lena", "tags": ["vip"]}),
            description="409: another customer has this `email`.",
        ),
        "delete": operation(
            "deleteCustomer",
            "Remove a customer",
            STAFF,
            {"204": answer("It is gone: from now on it is answered with 404, and no list has it.")},
            404,
            409,
            422,
            parameters=(SOME,),
            description="409: the customer has orders.",
        ),
    },
}  # fmt: skip
