"""A folder that came as one file: made the archive of a job by a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training import code_archives
from allmende.domain.training.code_archives import NoPackedFolder
from allmende.wiring import code_packer

SECONDS_MAX = 60.0


@contextmanager
def pack_upload(path: str) -> Iterator[Iterator[bytes]]:
    """Yield the archive of a packed folder, piece by piece; or a refusal, before there is one."""
    command = [sys.executable, "-m", code_packer.__name__, path]
    with tempfile.TemporaryFile() as archive:
        try:
            ended = subprocess.run(  # noqa: S603 - our own program
                command, stdin=subprocess.DEVNULL, stdout=archive, stderr=subprocess.PIPE,
                timeout=SECONDS_MAX, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise NoPackedFolder(problem=code_packer.DAMAGED) from error
        if ended.returncode:
            raise _read_refusal(ended.stderr)
        archive.seek(0)
        yield iter(partial(archive.read, code_packer.CHUNK_BYTES), b"")


def _read_refusal(told: bytes) -> Refusal:
    """Return what the process refused; whatever else ended it, the file was no packed folder."""
    try:
        refused = Sentence.from_json(json.loads(told))
    except ValueError:
        return NoPackedFolder(problem=code_packer.DAMAGED)
    refusal: Refusal = getattr(code_archives, refused.template)(**refused.facts)
    return refusal
