"""Code of jobs: sent once, unpacked before a job's first attempt, kept as long as it is needed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.training.code_archives import (
    CodeArchive,
    CodeIsTooLarge,
    CodeNotBrought,
    CodeUnknown,
    ProjectKeepsTooMuchCode,
)
from allmende.services import (
    audit,
    check_sheets,
    code_archives,
    environments,
    job_checks,
    jobs,
    launches,
    projects,
    submissions,
)
from allmende.services.deeds import Deed
from allmende.storage.code_files import CodeShelves
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.code_archives import count_entries, hash_for_setup
from allmende.wiring.code_folders import open_folder
from tests.services.running import PARTITION, Running, a_running_factory, end_pauses
from tests.web.world import save_model

pytestmark = pytest.mark.django_db
KEY = "founder"
RULES = read_access_rules()
SIZE = 3072  # of the archive below: two files of a block with a header each, and the end
SCRIPT = "#!/bin/sh\npwd; cat note; echo ran >> trace; cat trace\n"


@pytest.fixture
def shelves(tmp_path: Path) -> CodeShelves:
    return CodeShelves(tmp_path / "shelves", judge=count_entries)


@pytest.fixture
def factory(tmp_path: Path, db: None, shelves: CodeShelves) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:

        def find(project_id: str, sha256: str) -> Path:
            return shelves.of(project_id).find(sha256)

        running.workshop = replace(
            running.workshop,
            find_code=find,
            hash_setup_files=lambda *code: hash_for_setup(find(*code[:2]), code[2]),
        )
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.sh").write_text(SCRIPT)
    (folder / "train.sh").chmod(0o755)
    (folder / "note").write_text("hello\n")
    return folder


def send(
    factory: Running, folder: Path, shelves: CodeShelves, *, deed: Deed | None = None
) -> CodeArchive:
    project_id = factory.story.projects[KEY]
    with shelves.of(project_id).receive(open_folder(folder).pack()) as incoming:
        return code_archives.add_archive(
            deed or factory.act(KEY), project_id, incoming=incoming, shelves=shelves
        )


def find(factory: Running, shelves: CodeShelves, sha256: str) -> CodeArchive:
    project_id = factory.story.projects[KEY]
    return code_archives.get_archive(factory.person(KEY), project_id, sha256, shelves=shelves)


def remove_unneeded(factory: Running, shelves: CodeShelves, **span: int) -> int:
    return code_archives.remove_unneeded(later(factory, **span), shelves=shelves, rules=RULES)


def files_in(shelves: CodeShelves) -> list[Path]:
    return [path for path in shelves.root.rglob("*") if path.is_file()]


def told(factory: Running, action: str) -> list[dict[str, object]]:
    events = audit.list_events(factory.person("auditor"), subject=factory.story.projects[KEY])
    return [dict(event.facts) for event in events if event.action == action]


def foretell(factory: Running, file: dict[str, object], **how: object) -> tuple[bool | None, str]:
    """Return whether its environment is there, as a check says it in figures and in words."""
    found = job_checks.check_job(
        factory.person(KEY),
        {"name": "asked", **file},
        project_id=factory.story.projects[KEY],
        now=wiring.now(),
        workshop=factory.workshop,
        **how,
    )
    facts = check_sheets.as_facts(found, factory.workshop)
    return facts["has_environment"], facts["told"]["environment"].english()


def later(factory: Running, **span: int) -> Deed:
    deed = factory.act("founder")
    return replace(deed, actor=DAEMON, now=deed.now + timedelta(**span))


def test_a_job_runs_in_its_folder_and_the_next_attempt_finds_what_it_left(factory, folder, shelves):
    archive = send(factory, folder, shelves)
    retry = {"on": ["preempted", "failed"], "max": 1}
    (job,) = factory.submit(
        KEY, workdir=archive.workdir, setup="test -x train.sh", run="./train.sh; exit 3",
        retry=retry,
    )  # fmt: skip
    assert job.spec["workdir"] == f"sha256:{archive.sha256}"
    factory.beat_until(lambda: factory.job(job.id).retry_at)
    end_pauses()
    factory.run_to_end(job.id)
    said = [factory.backend.read_log(f"{job.id}.{n}", offset=0, limit=999).decode() for n in (1, 2)]
    home = factory.backend.folders.find_home(job.id)
    for number, words in enumerate(said, start=1):
        assert words.endswith(f"{home}/code\nhello\n" + "ran\n" * number)


def test_another_list_of_requirements_makes_another_environment(factory, folder, shelves):
    said, foretold = [], []
    for number, needs in enumerate(("one", "one", "two")):
        (folder / "requirements.txt").write_text(f"{needs}\n")
        (folder / "note").write_text(str(number))
        archive = send(factory, folder, shelves)
        file = {
            "setup": 'cp requirements.txt "$ALLMENDE_ENVIRONMENT/got"; echo set up',
            "run": 'cat "$ALLMENDE_ENVIRONMENT/got"',
        }
        foretold.append(foretell(factory, file | {"workdir": archive.workdir}))
        unsent = {"brings_code": True, "hash_files": open_folder(folder).hash_for_setup}
        assert foretell(factory, file | {"workdir": "mine"}, **unsent) == foretold[-1]
        assert foretell(factory, file | {"workdir": "mine"}, brings_code=True)[0] is None
        (job,) = factory.submit(KEY, client_key=f"k{number}", workdir=archive.workdir, **file)
        factory.run_to_end(job.id)
        said.append(factory.backend.read_log(f"{job.id}.1", offset=0, limit=999).split())
    assert [b"up" in words for words in said] == [True, False, True]
    assert [is_there for is_there, _ in foretold] == [False, True, False]
    assert ["nothing is to be built" in words for _, words in foretold] == [False, True, False]
    assert [words[-1] for words in said] == [b"one", b"one", b"two"]


def test_the_same_folder_is_kept_once_and_for_each_project_apart(factory, folder, shelves):
    first, again = send(factory, folder, shelves), send(factory, folder, shelves)
    assert again == replace(first, used_at=again.used_at)
    assert (first.files, first.size_bytes) == (2, SIZE)
    assert len(files_in(shelves)) == 1
    facts = {"sha256": first.sha256, "size_bytes": SIZE, "files": 2}
    assert told(factory, "code.added") == [facts]


def test_two_that_are_sent_at_once_are_one_and_jobs_share_it(factory, folder, shelves):
    project_id, pieces = factory.story.projects[KEY], open_folder(folder).pack
    with (
        shelves.of(project_id).receive(pieces()) as one,
        shelves.of(project_id).receive(pieces()) as other,
    ):
        added = [
            code_archives.add_archive(factory.act(KEY), project_id, incoming=each, shelves=shelves)
            for each in (one, other)
        ]
    assert added[0].sha256 == added[1].sha256
    assert len(files_in(shelves)) == 1
    submitted = factory.submit(KEY, workdir=added[0].workdir, run="true", array="1-3")
    assert {job.spec["workdir"] for job in submitted} == {added[0].workdir}


def test_what_was_damaged_is_sent_once_more(factory, folder, shelves):
    archive = send(factory, folder, shelves)
    (path,) = files_in(shelves)
    path.write_bytes(b"other")
    (job,) = factory.submit(KEY, workdir=archive.workdir, run="cat note")
    factory.beat()
    assert "no longer as it was sent" in str(factory.job(job.id).wait)
    with pytest.raises(NotFound):
        find(factory, shelves, archive.sha256)
    send(factory, folder, shelves)
    assert find(factory, shelves, archive.sha256).sha256 == archive.sha256
    factory.run_to_end(job.id)
    assert factory.backend.read_log(f"{job.id}.1", offset=0, limit=99) == b"hello\n"


def test_nobody_else_learns_of_it_or_uses_it(factory, folder, shelves):
    archive = send(factory, folder, shelves)
    project_id, others = factory.story.projects[KEY], set(factory.story.projects) - {KEY}
    for who in others:
        with pytest.raises(NotFound, match=project_id):
            code_archives.get_archive(
                factory.person(who), project_id, archive.sha256, shelves=shelves
            )
        with pytest.raises(CodeUnknown):
            factory.submit(who, workdir=archive.workdir, run="true")
        with pytest.raises(NotFound):
            send(factory, folder, shelves, deed=factory.act(who))
    with pytest.raises(NotPermitted):
        code_archives.check_may_send(factory.person("auditor"), project_id)
    assert find(factory, shelves, archive.sha256) == archive
    with pytest.raises(NotFound):
        find(factory, shelves, "0" * 64)


@pytest.mark.parametrize(
    ("workdir", "refusal"),
    [(".", CodeNotBrought), ("code", CodeNotBrought), (f"sha256:{'0' * 64}", CodeUnknown)],
)
def test_a_folder_that_did_not_come_along_is_refused(factory, workdir, refusal):
    with pytest.raises(refusal):
        factory.submit(KEY, workdir=workdir, run="true")
    assert jobs.list_jobs(factory.person(KEY)) == []


def test_an_interrupted_upload_leaves_nothing_and_can_be_repeated(factory, folder, shelves):
    def breaks_off() -> Iterator[bytes]:
        yield next(open_folder(folder).pack())
        raise ConnectionError

    with (
        pytest.raises(ConnectionError),
        shelves.of(factory.story.projects[KEY]).receive(breaks_off()),
    ):
        pass
    assert files_in(shelves) == []
    assert told(factory, "code.added") == []
    send(factory, folder, shelves)


def test_more_than_may_come_is_stopped_on_the_way(factory, shelves, monkeypatch):
    shelf = shelves.of(factory.story.projects[KEY])
    shelf.most_bytes = 1000
    pieces = iter([bytes(600)] * 3)
    with pytest.raises(CodeIsTooLarge), shelf.receive(pieces):
        pass
    assert len(list(pieces)) == 1
    assert files_in(shelves) == []


def test_what_no_job_and_no_model_needs_goes_after_a_week(factory, folder, shelves):
    archive = send(factory, folder, shelves)
    (job,) = factory.submit(KEY, workdir=archive.workdir, run="sleep 60")
    sweep = lambda **span: remove_unneeded(factory, shelves, **span)  # noqa: E731
    assert (sweep(days=8), sweep(days=8)) == (0, 0)
    jobs.cancel_job(factory.act(KEY), job.id)
    assert (sweep(days=6), sweep(days=6)) == (0, 0)
    assert (sweep(days=8), sweep(days=8), sweep(days=8)) == (0, 1, 0)
    assert files_in(shelves) == []
    assert [facts["size_bytes"] for facts in told(factory, "code.removed")] == [SIZE]
    with pytest.raises(CodeUnknown):
        submissions.run_job_again(
            factory.act(KEY), job.id, client_key="again", workshop=factory.workshop
        )
    with pytest.raises(NotPermitted):
        code_archives.remove_unneeded(factory.act(KEY), shelves=shelves, rules=RULES)


def test_what_a_project_ran_with_goes_when_its_data_may_be_deleted(factory, folder, shelves):
    archive, project_id = send(factory, folder, shelves), factory.story.projects[KEY]
    (job,) = factory.submit(KEY, workdir=archive.workdir, run="sleep 60")
    made = factory.backend.find_environments(project_id, "") / "e1-x86_64-plain"
    for folder in (made, made.parent.with_name("prj-other") / made.name):
        folder.mkdir(parents=True)
        folder.with_name(f"{folder.name}.lock").touch()
    save_model(job.id, project_id=project_id, organisation_id=job.organisation_id)
    projects.end_project(factory.act("officer"), project_id, rules=RULES)
    clear = lambda **span: environments.remove_overdue(  # noqa: E731
        later(factory, **span), workshop=factory.workshop, rules=RULES
    )
    assert (clear(days=99), remove_unneeded(factory, shelves, days=99)) == (0, 0)  # it waits
    jobs.cancel_job(factory.act(KEY), job.id)
    assert [remove_unneeded(factory, shelves, days=80) for _ in range(2)] == [0, 0]
    assert [remove_unneeded(factory, shelves, days=99) for _ in range(2)] == [0, 1]
    assert (clear(days=80), clear(days=99), clear(days=99)) == (0, 1, 0)
    assert factory.backend.list_environments() == ["prj-other"]
    site_id = factory.workshop.factory.get_partition(PARTITION).site_id
    assert told(factory, "environments.removed") == [{"site": site_id, "environments": 1}]
    with pytest.raises(NotPermitted):
        environments.remove_overdue(factory.act(KEY), workshop=factory.workshop, rules=RULES)


def test_a_project_whose_files_cannot_go_now_keeps_nothing_of_another(
    factory, folder, shelves, monkeypatch
):
    keys = {factory.story.projects[key]: key for key in (KEY, "startup")}
    stuck = min(keys)
    for project_id, key in keys.items():
        with shelves.of(project_id).receive(open_folder(folder).pack()) as it:
            code_archives.add_archive(factory.act(key), project_id, incoming=it, shelves=shelves)
        (factory.backend.find_environments(project_id, "") / "e1-x86_64-plain").mkdir(parents=True)

    def all_but_stuck(do):
        def fail(*given, **named):
            if stuck in given:
                raise OSError("a disk that does not answer")
            return do(*given, **named)

        return fail

    with monkeypatch.context() as trouble:
        trouble.setattr(projects, "end_project", all_but_stuck(projects.end_project))
        with pytest.raises(ExceptionGroup):
            projects.end_due_projects(later(factory, days=900), rules=RULES)
    (ended,) = projects.end_due_projects(later(factory, days=900), rules=RULES)
    assert ended.id == stuck
    for place, deed in ((CodeShelves, "of"), (LocalBackend, "remove_environments")):
        monkeypatch.setattr(place, deed, all_but_stuck(getattr(place, deed)))
    after = later(factory, days=1200)
    with pytest.raises(ExceptionGroup):
        environments.remove_overdue(after, workshop=factory.workshop, rules=RULES)
    assert factory.backend.list_environments() == [stuck]
    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            remove_unneeded(factory, shelves, days=1200)
    assert {each.relative_to(shelves.root).parts[0] for each in files_in(shelves)} == {stuck}


def test_code_of_a_project_that_the_database_does_not_know_is_left_alone(factory, folder, shelves):
    send(factory, folder, shelves)
    (there,) = files_in(shelves)
    (shelves.root / factory.story.projects[KEY]).rename(shelves.root / "prj-restored")
    assert remove_unneeded(factory, shelves, days=99) == 0
    assert [each.name for each in files_in(shelves)] == [there.name]


def test_it_is_run_again_with_the_same_code(factory, folder, shelves):
    archive = send(factory, folder, shelves)
    (job,) = factory.submit(KEY, workdir=archive.workdir, run="cat note")
    (folder / "note").write_text("other\n")
    again = submissions.run_job_again(
        factory.act(KEY), job.id, client_key="again", workshop=factory.workshop
    )
    factory.run_to_end(job.id, again.id)
    for each in (job.id, again.id):
        assert factory.backend.read_log(f"{each}.1", offset=0, limit=99) == b"hello\n"


def test_a_blueprint_reads_the_data_that_came_along(factory, folder, shelves):
    factory.workshop = replace(factory.workshop, environment_python=lambda _: Path("/python"))
    (job,) = factory.submit(
        KEY, workdir=send(factory, folder, shelves).workdir, blueprint="dialect"
    )
    factory.beat()
    (attempt,) = factory.attempts(job.id)
    launch = launches.build_launch(job, attempt, workshop=factory.workshop)
    assert (launch.workdir, launch.environment["ALLMENDE_DATA"]) == ("code", ".")


def test_a_project_keeps_so_much_and_no_more(factory, folder, shelves, monkeypatch):
    monkeypatch.setattr(code_archives, "MOST_PROJECT_BYTES", 2 * SIZE)
    begin = factory.act(KEY)

    def send_note(words: str, *, minutes: int) -> CodeArchive:
        (folder / "note").write_text(words)
        deed = replace(begin, now=begin.now + timedelta(minutes=minutes))
        return send(factory, folder, shelves, deed=deed)

    first, _ = send_note("one", minutes=0), send_note("two", minutes=0)
    factory.submit(KEY, workdir=first.workdir, run="true")
    with pytest.raises(ProjectKeepsTooMuchCode):
        send_note("three", minutes=50)  # whoever sent the second is just about to use it
    third = send_note("three", minutes=70)
    with pytest.raises(ProjectKeepsTooMuchCode):
        send_note("four", minutes=71)
    left = code_archives.store.list_archives(first.project_id)
    assert {each.sha256 for each in left} == {first.sha256, third.sha256}


def test_another_image_that_came_along_makes_another_environment(factory, folder, shelves):
    factory.workshop = replace(factory.workshop, container_tools=frozenset({"apptainer"}))

    def environment_of(image: str, key: str) -> str:
        (folder / "image.sif").write_text(image)
        asked = {"image": "./image.sif", "setup": "pip install x", "run": "true"}
        workdir = send(factory, folder, shelves).workdir
        (job,) = factory.submit(KEY, key, workdir=workdir, **asked)
        factory.beat()
        (attempt,) = factory.attempts(job.id)
        return launches.build_launch(job, attempt, workshop=factory.workshop).environment_id

    ids = [environment_of(image, image) for image in ("old", "new")]
    assert len(set(ids)) == 2
