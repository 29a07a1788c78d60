"""What a person is told when the development system cannot start or go on: one clear sentence."""


class Problem(Exception):
    """Something stops the development system. The message is the whole of what is printed."""


class Interrupted(Exception):
    """Somebody asked it to end before it was ready (Ctrl-C, SIGTERM, SIGHUP)."""
