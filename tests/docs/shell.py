"""Runs the commands of one page in a fresh home, each in a process of its own.

The program is loaded once and forked for each command, since a page may have thirty of them.
Reads one JSON document a line: {"arguments": […], "environment": {…}}.
"""

import importlib
import json
import os
import pkgutil
import sys
import tempfile


def load() -> None:
    """Load everything that a command may need."""
    from allmende import wiring

    wiring.start()
    for package in ("allmende.cli", "allmende.services", "allmende.wiring"):
        folder = importlib.import_module(package).__path__
        for module in pkgutil.iter_modules(folder):
            importlib.import_module(f"{package}.{module.name}")


def run(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run one command in a child, and return its exit code and what it printed."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.environ.update(environment)
            code = 255
            try:
                from allmende import cli

                code = cli.run(arguments)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode()


def main() -> None:
    """Answer until nothing more is asked."""
    load()
    for line in sys.stdin:
        code, text = run(**json.loads(line))
        sys.stdout.write(json.dumps({"code": code, "text": text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
