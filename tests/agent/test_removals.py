"""Deleting what a job left at a site: the agent does it, and signs that it did."""

import json
from datetime import timedelta

import pytest

from allmende import wiring
from allmende.agent import errands as at_site
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling.backends import AttemptState, EndReason
from allmende.domain.scheduling.errands import AnswerUnreadable, SaidAtSite, TroubleAtSite
from allmende.domain.trust import signatures
from allmende.services.errands import SiteIsCutOff
from allmende.storage import agents as agent_store
from tests.agent.lines import KEY, SITE, Line
from tests.backends.contract import a_launch, wait_until

LEAVES = 'echo model > "$ALLMENDE_OUT/model"; mkdir "$ALLMENDE_CHECKPOINTS/1"'


@pytest.fixture
def job_id(line) -> str:
    """Return a job that has ended, with its output at the site and here."""
    launch = a_launch(LEAVES)
    line.relay.start(launch)

    def has_ended() -> bool:
        line.pump()
        return line.relay.observe([launch.key])[0].state is AttemptState.ENDED

    wait_until(has_ended)
    line.call()  # with the answer the agent hears that nothing more is wanted
    return launch.job_id


def is_at_site(line: Line, job_id: str) -> bool:
    home = line.backend.folders.find_home(job_id)
    return any((home / name).exists() for name in ("out", "checkpoints"))


def is_here(line: Line, job_id: str) -> bool:
    try:
        return line.relay.read_output(job_id, "model") == b"model\n"
    except NotFound:
        return False


def test_files_go_there_and_here_and_the_agent_signs_for_it(line, job_id):
    assert is_here(line, job_id)
    came = len(list(line.relay.folder.folder.iterdir()))
    for _ in range(2):  # safe to repeat
        word = line.relay.remove_output(job_id)
    assert not is_at_site(line, job_id)
    assert not is_here(line, job_id)
    assert len(list(line.relay.folder.folder.iterdir())) == came - 1
    facts = json.loads(word["site_statement"])
    assert (facts["site"], facts["job"]) == (SITE, job_id)
    message = signatures.deletion_message(word["site_statement"])
    key = bytes.fromhex(word["site_public_key"])
    assert key == signatures.public_key_of(KEY)
    assert signatures.is_signed(key, message, word["site_signature"])


def test_while_the_site_is_cut_off_only_what_came_here_goes(line, job_id):
    agent = agent_store.get_agent(line.enrolled.id)
    line.relay.messenger = quiet = type(line.messenger)(
        site_id=SITE,
        now=lambda: wiring.now() + timedelta(minutes=5),
        new_id=wiring.new_id,
        pause=line.messenger.pause,
    )
    assert agent.is_quiet(quiet.now())
    with pytest.raises(SiteIsCutOff):
        line.relay.remove_output(job_id)
    assert is_at_site(line, job_id)
    assert not is_here(line, job_id)
    line.relay.messenger = line.messenger
    assert line.relay.remove_output(job_id)
    assert not is_at_site(line, job_id)


def test_an_older_agent_deletes_nothing_and_says_so(line, job_id):
    line.agent.errands = at_site.Errands(None, site_id=SITE)
    with pytest.raises(SaidAtSite):
        line.relay.remove_output(job_id)
    assert is_at_site(line, job_id)
    assert is_here(line, job_id)


def test_a_job_that_has_not_ended_keeps_its_files(line):
    launch = a_launch(LEAVES + "; sleep 300")
    line.relay.start(launch)
    wait_until(lambda: line.pump() or is_at_site(line, launch.job_id))
    with pytest.raises(TroubleAtSite, match="has not ended yet"):
        line.relay.remove_output(launch.job_id)
    assert is_at_site(line, launch.job_id)
    line.backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)


def test_a_site_that_cannot_delete_says_why(line, job_id, monkeypatch):
    def refuse(_job_id: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(line.backend, "remove_output", refuse)
    with pytest.raises(SaidAtSite, match="Permission denied"):
        line.relay.remove_output(job_id)
    monkeypatch.setattr(line.backend, "remove_output", lambda _: {})
    with pytest.raises(SaidAtSite, match="1 files are there"):
        line.relay.remove_output(job_id)
    assert is_here(line, job_id)


@pytest.mark.parametrize("said", [{"job": "j-other"}, {"site": "heide"}, "no json", None])
def test_the_word_of_another_or_about_another_is_none(line, job_id, said):
    removals = line.agent.errands.removals
    other = bytes(32) if said is None else KEY
    removals.sign = lambda message: signatures.sign(other, message)
    if said is not None:
        true_word = removals.remove

        def remove(body):
            facts = json.loads(true_word(body)["statement"])
            text = said if isinstance(said, str) else json.dumps(facts | said)
            signature = removals.sign(signatures.deletion_message(text))
            return {"statement": text, "signature": signature}

        removals.remove = remove
    with pytest.raises(AnswerUnreadable):
        line.relay.remove_output(job_id)
