"""Who is let in who should not be."""

from collections.abc import Callable, Mapping

from tests.fakes.shop.call import Answer, Call, Problem
from tests.fakes.shop.faults.registry import Proceed, around, authorizing
from tests.fakes.shop.store import number

Ask = Callable[[], str | None]

ANY_METHOD = "health_any_method"


@authorizing("auth bypass", "listCustomers", "The list is answered without credentials; documented is 401.")
def customers_without_credentials(headers: Mapping[str, str], ask: Ask) -> str | None:
    return ask() if "Authorization" in headers or "X-Api-Key" in headers else "staff"


@authorizing("auth bypass", "deleteProduct", "Any key will do; documented is 401 for wrong ones.")
def product_deleted_with_any_key(headers: Mapping[str, str], ask: Ask) -> str | None:
    return "staff" if headers.get("X-Api-Key") else ask()


@authorizing("auth bypass", "getMe", "Any bearer token is accepted; documented is 401 for wrong ones.")
def me_with_any_token(headers: Mapping[str, str], ask: Ask) -> str | None:
    return number("customer", 0) if headers.get("Authorization", "").lower().startswith("bearer ") else ask()


@authorizing(
    "auth bypass", "putCoupon", "A customer's token is enough; it takes the staff's key, 403 otherwise.", hard=True
)
def coupon_by_customer(headers: Mapping[str, str], ask: Ask) -> str | None:
    try:
        return ask()
    except Problem as problem:
        if problem.status == 403:
            return "staff"
        raise


@authorizing("auth bypass", "changeCustomer", "Changing a customer takes no credentials; documented is 401.")
def customer_changed_by_anybody(_: Mapping[str, str], __: Ask) -> str | None:
    return "staff"


@around(
    "undocumented method", "getHealth", "Other methods than GET are answered with 200; documented is 405 and Allow."
)
def health_any_method(call: Call, proceed: Proceed) -> Answer:
    # The path without its methods is seen by Switchboard.unknown_method.
    return proceed(call)
