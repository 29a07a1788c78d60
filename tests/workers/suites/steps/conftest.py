"""Where a step's long bodies go: a project's files, in the hands of the test alone."""

from tests.workers.files.conftest import files

__all__ = ["files"]
