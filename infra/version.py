"""Which version of Switchyard this is."""

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def version() -> str:
    """Of the installed package, or of the tree that the process was started in."""
    try:
        return metadata.version("switchyard")
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[1] / "pyproject.toml"
        found: str = tomllib.loads(project.read_text())["project"]["version"] if project.exists() else "0"
        return found
