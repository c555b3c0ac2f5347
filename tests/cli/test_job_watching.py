"""Watching a job that runs: nothing that it printed is passed over when it begins again."""

import pytest

from allmende.cli.job_watching import Watcher
from allmende.services import jobs
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
        while "first words" not in capsys.readouterr().out:
            watcher.look()
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
        while "begun" not in capsys.readouterr().out:
            watcher.look()

        def read_and_let_it_end(*asked):
            found = get_job(*asked)
            monkeypatch.setattr(jobs, "get_job", get_job)
            (tmp_path / "work" / job.id / "home" / "go").touch()
            factory.run_to_end(job.id)
            return found

        monkeypatch.setattr(jobs, "get_job", read_and_let_it_end)
        while not watcher.look().ended_at:
            pass
        told = capsys.readouterr().out
        end = factory.sentences(job.id)[-1]
    assert told.index("farewell") < told.index(end)
