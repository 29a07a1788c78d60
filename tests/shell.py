"""What an operator does at the shell: `switchyard <command>`, in a process of its own.

The process is forked from one that has imported the application already: that is most of what such a command costs.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from api.__main__ import main
from api.commands import COMMANDS

WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload([__name__])
# Imported here, so that what they need is.
KNOWN = {one.name for one in COMMANDS}


def switchyard(environment: Mapping[str, str], *arguments: str) -> CompletedProcess[str]:
    """Its exit code and what it printed."""
    with TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("stdout", "stderr")]
        process = WARM.Process(target=_run, args=(dict(environment), arguments, files))
        process.start()
        process.join()
        printed = [file.read_text() for file in files]
    return CompletedProcess(arguments, process.exitcode or 0, *printed)


def _run(environment: dict[str, str], arguments: tuple[str, ...], files: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["switchyard", *arguments]
    main(prog_name="switchyard")
