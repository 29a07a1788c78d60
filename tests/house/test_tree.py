"""What lies where, what it is called, and how long it may be."""

import ast
import re
import tomllib
from pathlib import Path

from tests.house.tree import FLOORS, MIGRATIONS, ROOT, body_lines, committed, functions, parsed, place, product

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
EXPECTED = {
    *FLOORS, "tests", "docs", "requirements", "celeryconfig.py", "wsgi.py", "pyproject.toml", "docker-compose.yml",
    "README.md", "CHANGELOG.md", "LICENSE", "Makefile", ".env.example",
}  # fmt: skip
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "services", "core", "base_utils", "stuff"}
PYTHON = [path for path in committed() if path.suffix == ".py"]
# Folders that only one machine has, and hosts that only one company has.
ONE_MACHINE = re.compile(
    r"(?<![\w.])/(?:home|Users|work)/[A-Za-z]|(?<![\w.])/root/|/opt/pypi|(?:extra-)?index-url *=|--index-url"
    r"|(?:artifactory|jfrog|codeartifact|nexus|devpi)\.[a-z]",
)


def test_the_top_level_is_fixed() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in committed()}
    assert not {name for name in found - EXPECTED if not name.startswith(".")}
    assert not EXPECTED - found


def test_no_file_has_a_name_that_says_nothing() -> None:
    nameless = [path for path in PYTHON if {*path.relative_to(ROOT).parts[:-1], path.stem} & NAMELESS]
    assert not nameless


def test_packages_are_listed_by_name_and_the_list_is_the_tree() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in PYTHON if path.relative_to(ROOT).parts[0] in FLOORS}
    packages = {folder for folder in folders if MIGRATIONS not in (folder, *folder.parents)}
    assert sorted(listed) == sorted(folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in packages)
    assert all((folder / "__init__.py").exists() for folder in packages)


def test_a_file_fits_into_a_head() -> None:
    assert not [path for path in PYTHON if len(path.read_text().splitlines()) > LONGEST_FILE]


def test_functions_are_short() -> None:
    long = [
        f"{place(path, function)} {function.name}: {body_lines(function)} lines"
        for path in PYTHON
        if MIGRATIONS not in path.parents
        for function in functions(path)
        if body_lines(function) > LONGEST_FUNCTION
    ]
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    assert not [path for path in product() if path.stat().st_size and not ast.get_docstring(parsed(path))]


def test_no_file_knows_one_machine_or_one_companys_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in committed()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if ONE_MACHINE.search(line)
    ]
    assert not found
