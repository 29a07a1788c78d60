"""Fill `.venv` from a lock: `python3.11 infra/dev/install.py local|dev`. Standard library only: it runs first.

uv does it in seconds and is installed before the rest; where it cannot be had or fails (an index that only pip's
configuration knows), pip does the same. Only wheels: nothing here needs a compiler.
"""

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = "uv==0.13.8"


class CannotInstall(Exception):
    """The message is the sentence that is printed."""


def lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def stamp(name: str) -> str:
    """What the environment is made of: if this is unchanged, there is nothing to do."""
    parts = [sys.version, str(VENV), *(lock(part).read_text() for part in (name, "models"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}  # as pip does: an index behind a company's proxy works
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def step(text: str, begun: float) -> None:
    print(f"  {text:<34}{time.monotonic() - begun:5.1f} s", flush=True)


def make_venv() -> None:
    if PYTHON.exists() and run(str(PYTHON), "-m", "pip", "--version").returncode == 0:
        return
    begun = time.monotonic()
    try:
        venv.create(VENV, clear=VENV.exists(), symlinks=True, with_pip=True)
    except PermissionError as error:
        raise CannotInstall(f"cannot write to {error.filename} ({error.strerror})") from None
    except OSError as error:
        raise CannotInstall(f"cannot make {VENV}: {error}") from None
    except subprocess.CalledProcessError:
        raise CannotInstall(
            f"{sys.executable} has no ensurepip; install your system's venv package (Debian: python3-venv), "
            "or name another Python: make PYTHON=/path/to/python3.11"
        ) from None
    step("virtual environment", begun)


def installers() -> "list[list[str]]":
    """The ways to install, the best first."""
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--only-binary", ":all:"]
    begun = time.monotonic()
    uv = VENV / "bin" / "uv"
    if not uv.exists() and run(*pip, UV).returncode == 0:
        step("uv", begun)
    fast = [str(uv), "pip", "install", "--python", str(PYTHON), "--quiet", "--only-binary", ":all:"]
    return [fast, pip] if uv.exists() else [pip]


def install(ways: "list[list[str]]", requirements: Path, *options: str) -> None:
    begun = time.monotonic()
    output = ""
    for installer in ways:
        result = run(*installer, *options, "-r", str(requirements))
        if result.returncode == 0:
            step(f"{requirements.relative_to(ROOT)} with {Path(installer[0]).name}", begun)
            return
        output = result.stdout
    if any(words in output for words in ("no wheels", "No matching distribution", "no usable wheels", "has no wheel")):
        version = ".".join(map(str, sys.version_info[:2]))
        print(output, file=sys.stderr)
        raise CannotInstall(
            f"not every package has a wheel for Python {version} on this machine (the first is named above); "
            "use Python 3.11 on Linux x86_64: make PYTHON=/path/to/python3.11"
        )
    raise CannotInstall("installing the packages failed:\n" + output[-3000:])


def main() -> int:
    name = sys.argv[1]
    mark = VENV / f".{name}-installed"
    if mark.exists() and mark.read_text() == stamp(name) and PYTHON.exists():
        mark.touch()
        return 0
    print("installing into .venv (once)", flush=True)
    begun = time.monotonic()
    make_venv()
    ways = installers()
    install(ways, lock(name))
    install(ways, lock("models"), "--no-deps")
    mark.write_text(stamp(name))
    step("installed", begun)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotInstall as reason:
        sys.exit(f"switchyard: {reason}")
