"""The shop as a process: `python -m tests.fakes.shop --port 9100`, until SIGTERM."""

import argparse
import asyncio

from tests.fakes.shop.server import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))
