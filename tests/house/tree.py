"""The tree as the house rules look at it: its files, and its code as syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("api", "tasks", "workers", "schemas", "models", "infra")
MIGRATIONS = ROOT / "infra" / "migrations"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def committed() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def product() -> tuple[Path, ...]:
    """Our Python files, without tests; migrations are data."""
    found = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return (*(path for path in found if MIGRATIONS not in path.parents), ROOT / "celeryconfig.py", ROOT / "wsgi.py")


def inside(path: Path, *folders: str) -> bool:
    """Whether the file lies in one of these folders of ours, or is one of these files."""
    name = path.relative_to(ROOT).as_posix()
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)


@cache
def parsed(path: Path) -> ast.Module:
    """The file as a syntax tree."""
    return ast.parse(path.read_text(), str(path))


def nodes(*allowed: str) -> Iterator[tuple[Path, ast.AST]]:
    """Every node of the product's code, but for the files where it is allowed."""
    for path in product():
        if not inside(path, *allowed):
            for node in ast.walk(parsed(path)):
                yield path, node


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """How many lines a function has below its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute; what comes before a call is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def place(path: Path, node: ast.AST) -> str:
    """Where it is, for a person to click."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
