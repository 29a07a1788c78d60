"""Rules about single lines of code, read from the syntax trees."""

import ast
import tomllib

import models
from tests.house.tree import FLOORS, ROOT, body_lines, dotted, functions, inside, nodes, parsed, place, product

RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
MODELS = {name for name in models.__all__ if hasattr(getattr(models, name), "__tablename__")}
NAIVE = ("datetime.utcnow", "datetime.utcfromtimestamp", "datetime.today", "date.today", "time.localtime")
ZONED = ("datetime.now", "datetime.fromtimestamp")
LONGEST_TASK = 10
LONGEST_ENDPOINT = 15


def calls(*allowed: str):
    """Every call of the product: file, node, dotted name."""
    return [(path, node, dotted(node.func)) for path, node in nodes(*allowed) if isinstance(node, ast.Call)]


def test_ruff_looks_for_naive_times_and_prints() -> None:
    assert {"DTZ", "T20"} <= set(RUFF["select"])
    assert not {"DTZ", "T20"} & set(RUFF["ignore"])


def test_every_time_is_aware() -> None:
    naive = [
        place(path, node)
        for path, node, name in calls()
        if name.endswith(NAIVE) or (name.endswith(ZONED) and not node.args and not node.keywords)
    ]
    assert not naive


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        place(path, node)
        for path, node in nodes("infra/settings.py", "infra/dev", "infra/gunicorn_conf.py")
        if (isinstance(node, ast.Attribute) and dotted(node) in ("os.environ", "os.getenv", "os.environb"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & _names(node))
    ]
    assert not readers


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def test_only_models_select_themselves_so_that_nobody_forgets_the_tenant() -> None:
    raw = [
        place(path, node)
        for path, node, name in calls("models")
        if (name.split(".")[-1] == "select" or name in ("session.get", "session.query"))
        and any(dotted(argument).split(".")[0] in MODELS for argument in node.args)
    ]
    assert not raw


def test_one_edge_commits() -> None:
    """infra/schema.py's connection is Alembic's own, and no session."""
    commits = [
        place(path, node)
        for path, node, name in calls("infra/db.py", "infra/schema.py", "infra/dev")
        if name.endswith((".commit", ".rollback"))
    ]
    assert not commits


def test_the_product_prints_nothing() -> None:
    prints = [place(path, node) for path, node, name in calls("infra/dev") if name in ("print", "pprint")]
    assert not prints


def test_nothing_of_ours_is_found_by_scanning() -> None:
    """A heavy library may be imported late, by its literal name."""
    scans = [
        place(path, node)
        for path, node, name in calls("infra/dev")
        if name.split(".")[-1] in ("__import__", "iter_modules", "walk_packages", "entry_points")
        or (name.endswith("import_module") and not _names_a_library(node.args[0]))
    ]
    assert not scans


def _names_a_library(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).split(".")[0] not in FLOORS


def test_the_lists_of_blueprints_kinds_and_task_modules_are_literal_tuples() -> None:
    lists = {"api/v1/__init__.py": "BLUEPRINTS", "workers/kinds/__init__.py": "KINDS", "celeryconfig.py": "imports"}
    for file, name in lists.items():
        assigned = [node for node in parsed(ROOT / file).body if isinstance(node, ast.Assign)]
        value = next(node.value for node in assigned if dotted(node.targets[0]) == name)
        assert isinstance(value, ast.Tuple), f"{file}: {name}"
        assert all(isinstance(item, ast.Attribute | ast.Constant) for item in value.elts), f"{file}: {name}"


def _decorated(folder: str, decorator: str):
    for path in product():
        if inside(path, folder):
            for function in functions(path):
                used = [dotted(one.func) for one in function.decorator_list if isinstance(one, ast.Call)]
                if any(name.split(".")[-1] == decorator for name in used):
                    yield path, function


def test_a_task_is_a_door_and_holds_no_business() -> None:
    tasks = list(_decorated("tasks", "task"))
    assert tasks
    assert not [place(*one) for one in tasks if body_lines(one[1]) > LONGEST_TASK]


def test_an_endpoint_is_a_door_and_holds_no_business() -> None:
    endpoints = list(_decorated("api", "endpoint"))
    assert endpoints
    assert not [f"{place(*one)}: {body_lines(one[1])}" for one in endpoints if body_lines(one[1]) > LONGEST_ENDPOINT]
