"""A secret reaches the job's processes, and lies nowhere else: no row, no log, no file, no list."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.apps import apps

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.secrets import (
    NoSuchSecret,
    SecretsStayHere,
    TooManySecrets,
    UnusableName,
)
from allmende.services import audit, project_secrets
from allmende.wiring import home
from tests.services.running import Running, a_running_factory

pytestmark = pytest.mark.django_db
KEY = "founder"
VALUE = "hush-hush-4711"


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def put(factory: Running, name: str = "TOKEN", value: str = VALUE, who: str = KEY):
    return project_secrets.set_secret(
        factory.act(who), factory.story.projects[KEY], name,
        value=value, seal=factory.workshop.seal,
    )  # fmt: skip


def dump_database() -> bytes:
    """Return every value of every row, as bytes."""
    values = (
        value
        for model in apps.get_models()
        for row in model._base_manager.values_list()
        for value in row
    )
    return b"\n".join(
        bytes(value) if isinstance(value, bytes | memoryview) else repr(value).encode()
        for value in values
    )


def test_a_secret_reaches_the_job_and_lies_nowhere_else(factory: Running, tmp_path: Path, caplog):
    put(factory, value="old")
    put(factory)
    run = 'test "$TOKEN" = hush-"hush"-4711 && echo right; cat /proc/$PPID/cmdline'
    (job,) = factory.submit(KEY, run=run, secrets=["TOKEN"])
    assert job.spec["secrets"] == ["TOKEN"]
    factory.run_to_end(job.id)
    factory.beat()
    (attempt,) = factory.attempts(job.id)
    log = factory.backend.read_log(attempt.key, offset=0, limit=9999)
    assert log.startswith(b"right")
    seen = {
        "log": log,
        "database": dump_database(),
        "words": " ".join(factory.sentences(job.id)).encode() + caplog.text.encode(),
        "files": b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()),
    }
    assert [where for where, found in seen.items() if VALUE.encode() in found] == []
    assert b"TOKEN" in seen["database"]
    assert not list(tmp_path.rglob("secrets.json"))
    events = audit.list_events(factory.person("auditor"), limit=500)
    assert "secret.set" in {event.action for event in events}
    key_file = home.home() / "secrets.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_what_the_project_does_not_have_is_refused_before_anything_is_held(factory: Running):
    with pytest.raises(NoSuchSecret, match=r"allmende\s+secret set"):
        factory.submit(KEY, run="true", secrets=["TOKEN"])
    put(factory)
    (job,) = factory.submit(KEY, run="true", secrets=["TOKEN"])
    project_id = factory.story.projects[KEY]
    project_secrets.remove_secret(factory.act(KEY), project_id, "TOKEN")
    with pytest.raises(NotFound):
        project_secrets.remove_secret(factory.act(KEY), project_id, "TOKEN")
    factory.run_to_end(job.id)  # removed before it began: it says so, and ends
    assert factory.job(job.id).state == "failed"
    assert any("has no secret TOKEN" in each for each in factory.sentences(job.id))


def test_secrets_are_not_sent_to_a_site_behind_an_agent(factory: Running):
    put(factory)
    old = factory.workshop.factory
    far = replace(old, sites=tuple(replace(site, agent=True) for site in old.sites))
    factory.workshop = replace(factory.workshop, factory=far)
    with pytest.raises(SecretsStayHere):
        factory.submit(KEY, run="true", secrets=["TOKEN"])


def test_only_who_may_submit_jobs_of_the_project_knows_even_the_names(factory: Running):
    put(factory)
    project_id = factory.story.projects[KEY]
    (facts,) = project_secrets.list_secrets(factory.person(KEY), project_id)
    assert (facts.name, facts.set_by) == ("TOKEN", factory.person(KEY).id)
    assert VALUE not in repr(facts)
    others = {key for key in factory.story.projects if key != KEY}
    for who in others:
        with pytest.raises(NotFound):
            put(factory, who=who)
        with pytest.raises(NotFound):
            project_secrets.list_secrets(factory.person(who), project_id)
    with pytest.raises(NotFound):
        project_secrets.list_secrets(factory.person("auditor"), project_id)
    with pytest.raises(UnusableName):
        put(factory, name="LD_PRELOAD")


def test_a_project_has_so_many_and_no_more(factory: Running):
    for number in range(32):
        put(factory, name=f"S{number}")
    put(factory, name="S3", value="another")
    with pytest.raises(TooManySecrets):
        put(factory, name="S32")
