"""api | tasks → workers → schemas → models → infra: arrows only go down. The contracts are in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.tree import FLOORS, ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_imports_only_go_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_the_contracts_cover_every_floor_and_ignore_nothing() -> None:
    assert set(CONTRACTS["root_packages"]) == set(FLOORS)
    layers = next(contract for contract in CONTRACTS["contracts"] if contract["type"] == "layers")
    assert layers["layers"] == ["api | tasks", "workers", "schemas", "models", "infra"]
    assert not any("ignore_imports" in contract for contract in CONTRACTS["contracts"])
