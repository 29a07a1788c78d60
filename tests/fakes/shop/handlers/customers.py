"""Customers; an e-mail address belongs to one of them."""

from typing import Any

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.handlers.answering import created, equal, filtered, known, tagged, uuid
from tests.fakes.shop.store import Store, fresh, moment

Json = dict[str, Any]

UNSAID: Json = {"birthday": None, "tags": []}


def list_customers(call: Call) -> Answer:
    found = filtered(list(call.store.customers.values()), call, country=equal("country"))
    found.sort(key=lambda one: (one["name"], one["id"]))
    page, size = call.query["page"], call.query["per_page"]
    items = found[(page - 1) * size : page * size]
    body = {"items": items, "page": page, "per_page": size, "total": len(found)}
    return Answer(body=body, headers={"X-Total-Count": str(len(found))})


def create_customer(call: Call) -> Answer:
    _free(call.store, call.body["email"])
    customer = {"id": fresh(), **UNSAID, **call.body, "created_at": moment()}
    call.store.customers[customer["id"]] = customer
    return created(dict(customer), f"/customers/{customer['id']}")


def get_customer(call: Call) -> Answer:
    return tagged(call, known(call.store.customers, uuid(call, "customer_id"), "customer"))


def replace_customer(call: Call) -> Answer:
    return _changed(call, UNSAID)


def change_customer(call: Call) -> Answer:
    return _changed(call, {})


def _changed(call: Call, unsaid: Json) -> Answer:
    customer = known(call.store.customers, uuid(call, "customer_id"), "customer")
    if "email" in call.body:
        _free(call.store, call.body["email"], but=customer["id"])
    # Replaced whole, so that what was answered before does not change.
    call.store.customers[customer["id"]] = customer = {**customer, **unsaid, **call.body}
    return Answer(body=customer)


def delete_customer(call: Call) -> Answer:
    customer = known(call.store.customers, uuid(call, "customer_id"), "customer")
    if any(order["customer_id"] == customer["id"] for order in call.store.orders.values()):
        raise Problem(409, "The customer has orders.")
    del call.store.customers[customer["id"]]
    return Answer(204)


def _free(store: Store, email: str, but: str | None = None) -> None:
    if any(one["email"] == email and one["id"] != but for one in store.customers.values()):
        raise Problem(409, "Another customer has this e-mail address.")


HANDLERS = {
    "listCustomers": list_customers,
    "createCustomer": create_customer,
    "getCustomer": get_customer,
    "replaceCustomer": replace_customer,
    "changeCustomer": change_customer,
    "deleteCustomer": delete_customer,
}
