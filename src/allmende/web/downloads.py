"""Handing out what a job left: nothing is sent before all of it was read and checked."""

import tempfile
from collections.abc import Callable
from typing import IO, cast

from django.http import FileResponse

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import session_files

# Up to this an answer stays in memory; a larger one waits on the disk, in a file without a name.
BYTES_IN_MEMORY = 16 * 2**20


def hand_out_saved(reader: Person, job_id: str, name: str) -> FileResponse:
    """Return a file that was saved in a session."""
    workshop = wiring.workshop()
    return hand_out_written(
        lambda file: session_files.copy_file(reader, job_id, name, into=file, workshop=workshop),
        name=name,
    )


def hand_out_written(
    write: Callable[[IO[bytes]], object],
    *,
    name: str,
    content_type: str = "application/octet-stream",
) -> FileResponse:
    """Return what `write` writes as a file to save, under the last part of its name."""
    file = tempfile.SpooledTemporaryFile(max_size=BYTES_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        write(cast("IO[bytes]", file))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    last = name.rsplit("/", maxsplit=1)[-1]
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in last)
    return FileResponse(file, as_attachment=True, filename=safe, content_type=content_type)
