"""Coupons."""

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.handlers.answering import known
from tests.fakes.shop.store import coupon


def get_coupon(call: Call) -> Answer:
    return Answer(body=known(call.store.coupons, call.path["code"], "coupon"))


def put_coupon(call: Call) -> Answer:
    code = call.path["code"]
    before = call.store.coupons.get(code)
    call.store.coupons[code] = after = coupon(code, call.body) | ({"used": before["used"]} if before else {})
    return Answer(200 if before else 201, after)


def delete_coupon(call: Call) -> Answer:
    known(call.store.coupons, call.path["code"], "coupon")
    del call.store.coupons[call.path["code"]]
    return Answer(204)


HANDLERS = {"getCoupon": get_coupon, "putCoupon": put_coupon, "deleteCoupon": delete_coupon}
