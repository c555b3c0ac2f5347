"""A factory as its people see it from Python."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from allmende.client.calls import ApiError, Caller
from allmende.client.jobs import Job, make_key
from allmende.client.models import Model, each_of, list_models
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.training.code_archives import is_own_folder
from allmende.wiring.code_folders import open_folder
from allmende.wiring.job_texts import open_job_file

JobFile = Path | str | Mapping[str, Any]


class Client:
    """Speaks to one factory as the person of a token.

    Without url and token it takes `ALLMENDE_URL` and `ALLMENDE_TOKEN` of the environment. The
    factory's sentences come in `language`, `en` or `de`. Where the line fails it asks again for
    `patience_seconds`.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        language: str = "en",
        patience_seconds: float = 60,
    ) -> None:
        url, token = url or _find("ALLMENDE_URL"), token or _find("ALLMENDE_TOKEN")
        self._caller = Caller(url, token, language=language, patience_seconds=patience_seconds)

    def check(self, job_file: JobFile, *, project: str) -> dict[str, Any]:
        """Say what a job file would take and when it would start, or every mistake in it.

        Nothing is submitted; its `workdir` comes along, for the check looks at it.
        """
        body = self._bring_code(job_file, project=project)
        query = {"project_id": project}
        found = self._caller.ask("POST", "/jobs/check", query=query, body=body, is_safe_twice=True)
        return dict(found)

    def submit(self, job_file: JobFile, *, project: str, key: str = "") -> list[Job]:
        """Submit a job file: a path, or its keys and values. A sweep becomes several jobs.

        Its `workdir` comes along. Under a `key` of yours the same file is submitted once, however
        often the program runs.
        """
        body = self._bring_code(job_file, project=project)
        made = self.ask("POST", "/jobs", body=body, key=key or make_key(), project_id=project)
        return [Job(self._caller, facts) for facts in made]

    def job(self, job_id: str) -> Job:
        """Return one job."""
        return Job(self._caller, self.ask("GET", f"/jobs/{job_id}")["job"])

    def jobs(self, *, project: str | None = None) -> Iterator[Job]:
        """Yield the jobs that you may see, the newest first."""
        for facts in self.each("/jobs", project_id=project):
            yield Job(self._caller, facts)

    def model(self, model_id: str) -> Model:
        """Return one model."""
        return Model(self._caller, self.ask("GET", f"/models/{model_id}"))

    def models(self, *, project: str | None = None) -> Iterator[Model]:
        """Yield the models that you may see, the newest first."""
        return list_models(self._caller, project_id=project)

    def ask(
        self, method: str, path: str, *, body: object = None, key: str = "", **query: Any
    ) -> Any:
        """Make any call of the API, such as `ask("GET", "/me")`; return its answer."""
        return self._caller.ask(method, path, query=query, body=body, key=key)

    def each(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield everything of a list of the API, such as `each("/projects")`, page by page."""
        return each_of(self._caller, path, **query)

    def _bring_code(self, job_file: JobFile, *, project: str) -> Any:
        """Return a job file with the hash of its folder, which the project has by then."""
        try:
            value, beside = _open(job_file)
            workdir = value.get("workdir") if isinstance(value, Mapping) else None
            if not workdir or not isinstance(workdir, str | Path):
                return value
            if not is_own_folder(str(workdir)):
                return value
            return {**value, "workdir": self._send_folder(beside / workdir, project=project)}
        except Refusal as refusal:  # what the factory would say, had it seen our files
            problem = {"detail": str(refusal), "code": type(refusal).__name__}
            raise ApiError(refusal.status, problem) from refusal

    def _send_folder(self, path: Path, *, project: str) -> str:
        """Return what a job file says to start in this folder; sent unless the project has it."""
        folder, archives = open_folder(path), f"/projects/{project}/code"
        try:
            archive = self.ask("GET", f"{archives}/{folder.hash()}")
        except ApiError as error:
            if error.code != NotFound.__name__ or error.facts.get("kind") != "code":
                raise
            archive = self._caller.send(archives, folder.pack)
        return str(archive["workdir"])


def _find(variable: str) -> str:
    if value := os.environ.get(variable, "").strip():
        return value
    raise ValueError(f"Set {variable}, or give Client its url and token. The portal makes tokens.")


def _open(job_file: JobFile) -> tuple[Any, Path]:
    """Return what a job file says, and the folder from which its `workdir` is seen."""
    if isinstance(job_file, Mapping):
        return dict(job_file), Path.cwd()
    path = Path(job_file)
    return open_job_file(path), path.parent
