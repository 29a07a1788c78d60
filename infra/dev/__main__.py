"""`python -m infra.dev up | demo`; the Makefile adds --with-make."""

import argparse
import sys

from infra.dev.up import end_with_parent, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.dev", description="Switchyard in one terminal.")
    parser.add_argument("mode", choices=("up", "demo"), help="up stays until Ctrl-C, demo ends after one completion")
    parser.add_argument("--with-make", action="store_true", help="end when the process that started this one ends")
    arguments = parser.parse_args()
    if arguments.with_make:
        end_with_parent()
    return run(stay=arguments.mode == "up")


if __name__ == "__main__":
    sys.exit(main())
