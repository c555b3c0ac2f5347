"""The house rules: what a reader may rely on in every file."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "lib"}


def tracked_files(*suffixes: str) -> list[Path]:
    """Return the project's own files; vendored ones keep the habits of their makers."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [PROJECT / line for line in listing.stdout.splitlines()]
    own = [p for p in paths if "vendor" not in p.parts and "migrations" not in p.parts]
    return [p for p in own if p.suffix in suffixes and p.exists()]


PYTHON_FILES = tracked_files(".py")
SOURCE_FILES = [p for p in PYTHON_FILES if "src" in p.relative_to(PROJECT).parts]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    first = node.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("path", tracked_files(".py", ".css", ".js", ".html", ".sh"), ids=name_of)
def test_no_file_is_longer_than_a_person_reads(path: Path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name_of)
def test_no_function_is_longer_than_a_screen(path: Path):
    too_long = {
        f.name: code_lines(f) for f in functions(path) if code_lines(f) > FUNCTION_LINES_MAX
    }
    assert too_long == {}


# The API and the CLI declare one parameter for each field of a request.
@pytest.mark.parametrize(
    "path", [p for p in SOURCE_FILES if not {"api", "cli"} & set(p.parts)], ids=name_of
)
def test_a_function_with_many_parameters_takes_them_by_name(path: Path):
    positional = {
        f.name: len(f.args.args) for f in functions(path) if len(f.args.args) > PARAMETERS_MAX
    }
    assert positional == {}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name_of)
def test_every_file_name_says_what_is_in_it(path: Path):
    assert path.stem not in VAGUE_NAMES


def test_every_refusal_has_a_code_of_its_own():
    # Programs compare the name of the class, wherever it stands.
    bases: dict[str, set[str]] = {}
    found: list[str] = []
    for path in SOURCE_FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(
                    base.id for base in node.bases if isinstance(base, ast.Name)
                )
                found.append(node.name)
    refusals = {"Refusal"}
    while more := {name for name, above in bases.items() if above & refusals} - refusals:
        refusals |= more
    names = Counter(name for name in found if name in refusals)
    assert len(names) > 300
    assert {name for name, count in names.items() if count > 1} == set()


def test_every_ring_of_the_architecture_is_a_folder():
    contract = (PROJECT / ".importlinter").read_text()
    folders = {p.stem for p in (PROJECT / "src/allmende").iterdir() if p.suffix in ("", ".py")}
    for ring in folders - {"__init__", "__pycache__", "locale"}:
        assert ring in contract


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCE_FILES if {"web", "cli", "daemon.py"} & set(p.parts)],
    ids=name_of,
)
def test_entry_points_know_no_sql(path: Path):
    # The import contract cannot name a part of another package, so it stands here.
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not {module for module in imported if module.startswith("django.db")}


@pytest.mark.parametrize(
    "path", [p for p in SOURCE_FILES if {"web", "cli"} & set(p.parts)], ids=name_of
)
def test_entry_points_let_a_service_fill_in_what_job_files_leave_out(path: Path):
    assert "parse_job_file" not in path.read_text()
