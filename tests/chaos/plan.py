"""How large the attacks are, and what makes them repeatable."""

import os
import random
import time

LONG = os.environ.get("CHAOS") == "long"
# The short form always attacks in the same way; the long one elsewhere every time, unless it is told the seed.
SEED = int(os.environ.get("CHAOS_SEED") or (time.time_ns() // 1_000_000_000 if LONG else 20_250_101))
# The other broker: CHAOS_BROKER=rabbitmq, where it is installed.
BROKER = os.environ.get("CHAOS_BROKER", "redis")


def size(short: int, long: int) -> int:
    """The short form's number in `make test`, the long form's in `make chaos`."""
    return long if LONG else short


def dice(name: str) -> random.Random:
    """The chance of one attack, independent of what ran before it."""
    return random.Random(f"{SEED}/{name}")
