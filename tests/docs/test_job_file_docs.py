"""The pages about the job file tell every key, and their examples are accepted."""

from pathlib import Path

import pytest

from allmende.domain.training.blueprints import check_params, find_blueprint
from allmende.domain.training.job_file_schema import job_file_schema
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.sweeps import expand_sweep
from allmende.wiring.blueprints import load_blueprints
from allmende.wiring.job_texts import read_job_text

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference/job-file.md").read_text()
HOWTO = (DOCS / "howto/write-a-job-file.md").read_text()
EXAMPLES = [part.split("```")[0] for part in HOWTO.split("```yaml\n")[1:]]


def rows_of(section: dict, path: str = "") -> list[str]:
    """Return the rows that the table of keys must have, in the order of the schema."""
    rows = []
    for name, part in section.get("properties", {}).items():
        rows.append(f"| `{path}{name}` | {part['description']} |")
        rows += rows_of(part, f"{path}{name}.")
        rows += rows_of(part.get("items", {}), f"{path}{name}[].")
    return rows


def test_the_reference_tells_every_key_as_the_schema_does():
    table = [line for line in REFERENCE.splitlines() if line.startswith("| `")]
    wanted = rows_of(job_file_schema())
    assert table[: len(wanted)] == wanted


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_accepted(example):
    for spec in expand_sweep(parse_job_file(read_job_text(example))):
        if spec.blueprint:
            check_params(find_blueprint(load_blueprints(), spec.blueprint), spec.params)


def test_the_sweep_makes_as_many_jobs_as_the_page_says():
    example = next(text for text in EXAMPLES if "sweep:" in text)
    assert "# 3 × 2 = 6 jobs" in example
    assert len(expand_sweep(parse_job_file(read_job_text(example)))) == 6
