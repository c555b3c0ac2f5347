"""What an environment is made from, so that it is built once and found again."""

import hashlib
import json
import re

from allmende.domain.training.job_specs import JobSpec

ID_LENGTH = 16  # hexadecimal digits; only the jobs of one project share environments


def environment_id(spec: JobSpec, *, files_sha256: str = "") -> str:
    """Return the hash of all that `setup` depends on; empty where a job file has none.

    `files_sha256`: of the files that were uploaded with the job and that `setup` reads.
    """
    if not spec.setup:
        return ""
    parts = [spec.setup, spec.image, _list_named(spec), files_sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:ID_LENGTH]


def _list_named(spec: JobSpec) -> list[tuple[str, str]]:
    """Return the variables that `setup` names: other values make another environment."""
    words = set(re.findall(r"\w+", spec.setup))
    return sorted((name, value) for name, value in spec.variables().items() if name in words)
