"""Deleting what an ended job left at the site, and saying so under the agent's own signature."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from allmende.agent.spools import Spool
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import BackendOf
from allmende.domain.scheduling.exchanges import write_json
from allmende.domain.trust import signatures


class JobIsStillHere(Refusal):
    """Job {job} has not ended yet as far as the agent knows. Its files are deleted after that."""

    status = 503


class FilesStay(Refusal):
    """The files of job {job} could not be deleted at {site}: {problem}. Ask the operators there."""


class Removals:
    """Deletes the files of jobs that the centre has all of."""

    def __init__(
        self,
        spool: Spool,
        *,
        backend_of: BackendOf,
        site_id: str,
        now: Callable[[], datetime],
        sign: Callable[[bytes], str],
    ) -> None:
        self.spool = spool
        self.backend_of = backend_of
        self.site_id = site_id
        self.now = now
        self.sign = sign

    def remove(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Delete output and checkpoints of a job; return what was done, signed. Safe to repeat."""
        job_id, backend = str(body["job"]), self.backend_of(str(body["partition"]))
        if any(each.order.launch.job_id == job_id for each in self.spool.list_watched()):
            raise JobIsStillHere(job=job_id)
        try:
            backend.remove_output(job_id)
            left = len(backend.list_output(job_id))
        except OSError as error:
            raise FilesStay(job=job_id, site=self.site_id, problem=error.strerror) from error
        if left:
            raise FilesStay(job=job_id, site=self.site_id, problem=f"{left} files are there")
        done = {"site": self.site_id, "job": job_id, "deleted_at": self.now().isoformat()}
        statement = write_json(done)
        signature = self.sign(signatures.deletion_message(statement))
        return {"statement": statement, "signature": signature}
