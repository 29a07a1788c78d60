"""What each operation does, by operation id; a handler takes a Call that was checked and returns an Answer."""

from collections.abc import Callable

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.handlers import carts, coupons, customers, notes, orders, people, products, reviews

Handler = Callable[[Call], Answer]

HANDLERS: dict[str, Handler] = {
    **people.HANDLERS,
    **customers.HANDLERS,
    **products.HANDLERS,
    **reviews.HANDLERS,
    **orders.HANDLERS,
    **carts.HANDLERS,
    **coupons.HANDLERS,
    **notes.HANDLERS,
}
