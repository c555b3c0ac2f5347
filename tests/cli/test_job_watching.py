"""Watching a job that runs: nothing that it printed is passed over when it begins again."""

import pytest

from allmende.cli.job_watching import Watcher
from allmende.services import jobs
from tests.backends.contract import wait_until
from tests.services.running import a_running_factory, end_pauses

pytestmark = pytest.mark.django_db


def test_the_last_words_of_an_attempt_are_told_before_the_next_one_begins(tmp_path, capsys):
    run = """
    echo "first words"
    while [ ! -e go ]; do sleep 0.1; done
    echo "farewell of $ALLMENDE_ATTEMPT"
    exit 1
    """
    with a_running_factory(tmp_path) as factory:
        retry = {"on": ["failed", "preempted"], "max": 1}
        (job,) = factory.submit("founder", run=run, retry=retry, max_duration="300s")
        watcher = Watcher(factory.person("founder"), job.id, json=False)
        watcher.backend_of = factory.backend_of
        factory.beat_until(lambda: factory.job(job.id).attempts == 1)
        wait_until(lambda: watcher.look() and "first words" in capsys.readouterr().out)
        (tmp_path / "work" / job.id / "home" / "go").touch()
        factory.beat_until(lambda: factory.job(job.id).retry_at)
        end_pauses()
        factory.beat_until(lambda: factory.job(job.id).attempts == 2)
        watcher.look()
        told = capsys.readouterr().out
    assert told.index("farewell of 1") < told.index("Attempt 2 starts")


def test_the_last_words_are_told_before_the_end_though_it_comes_while_somebody_looks(
    tmp_path, capsys, monkeypatch
):
    run = "echo begun; while [ ! -e go ]; do sleep 0.1; done; echo farewell"
    get_job = jobs.get_job
    with a_running_factory(tmp_path) as factory:
        (job,) = factory.submit("founder", run=run, max_duration="300s")
        watcher = Watcher(factory.person("founder"), job.id, json=False)
        watcher.backend_of = factory.backend_of
        factory.beat_until(lambda: factory.job(job.id).attempts == 1)
        wait_until(lambda: watcher.look() and "begun" in capsys.readouterr().out)

        def read_and_let_it_end(*asked):
            found = get_job(*asked)
            monkeypatch.setattr(jobs, "get_job", get_job)
            (tmp_path / "work" / job.id / "home" / "go").touch()
            factory.run_to_end(job.id)
            return found

        monkeypatch.setattr(jobs, "get_job", read_and_let_it_end)
        wait_until(lambda: watcher.look().ended_at)
        told = capsys.readouterr().out
        end = factory.sentences(job.id)[-1]
    assert told.index("farewell") < told.index(end)


def test_no_word_of_an_attempt_is_told_before_it_begins(tmp_path, capsys, monkeypatch):
    list_events = jobs.list_job_events
    with a_running_factory(tmp_path) as factory:
        (job,) = factory.submit("founder", run="echo words; sleep 110", max_duration="120s")
        watcher = Watcher(factory.person("founder"), job.id, json=False)
        watcher.backend_of = factory.backend_of

        def read_and_let_it_begin(*asked):
            found = list_events(*asked)
            monkeypatch.setattr(jobs, "list_job_events", list_events)
            factory.beat_until(lambda: factory.backend.measure_log(f"{job.id}.1"))
            factory.beat_until(lambda: factory.job(job.id).attempts == 1)
            return found

        monkeypatch.setattr(jobs, "list_job_events", read_and_let_it_begin)
        watcher.look()
        told = capsys.readouterr().out
        begin = next(each for each in factory.sentences(job.id) if "starts" in each)
    assert told.index(begin) < told.index("words\n")
