"""When a cluster would start a job: before it is submitted, and while it waits there."""

import re
from datetime import UTC, datetime

from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.client import ClusterUnreachable, CommandRefused, SlurmClient
from allmende.backends.slurm.submission import resource_options
from allmende.backends.slurm.waits import describe_wait
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import Launch, StartEstimate

ASK_SECONDS = 5.0  # somebody waits for the page
NOTHING = "#!/bin/bash\n"
START = re.compile(r"\bJob \d+ to start at (\S+)")


def predict_start(client: SlurmClient, launch: Launch) -> StartEstimate:
    """Ask a cluster once, as the job's owner, when it would start a job like this; submit nothing.

    A cluster that is out of reach, or refuses such a job, gives the reason and no instant.
    """
    try:
        said = client.run(
            "sbatch",
            "--test-only",
            *resource_options(launch),
            user_name=launch.user_name,
            stdin=NOTHING,
            timeout_seconds=ASK_SECONDS,
            hears_both=True,
        )
        at = parse_test_only(said)
    except ClusterUnreachable as refusal:
        return _unknown(Sentence("Slurm does not answer at present ({problem})."), refusal)
    except (CommandRefused, UnreadableAnswer) as refusal:
        return _unknown(Sentence("Slurm could not say ({problem})."), refusal)
    method = Sentence("Slurm's own estimate, as if it were submitted now (sbatch --test-only).")
    return StartEstimate(at=at, sentence=method)


def _unknown(why: Sentence, refusal: Refusal) -> StartEstimate:
    sentence = Sentence(why.template, {"problem": refusal.facts["problem"]})
    return StartEstimate(at=None, sentence=sentence)


def parse_test_only(said: str) -> datetime:
    """Return the instant in the answer of `sbatch --test-only`; raise `UnreadableAnswer`.

    "sbatch: Job 7 to start at 1795681854 using 2 processors on nodes n[1-2] in partition booster",
    among whatever plugins of the site print.
    """
    found = START.search(said)
    try:
        at = parse_instant(found[1]) if found else None
    except ValueError:
        at = None
    if at is None:
        raise UnreadableAnswer(problem=said.strip()[-200:])
    return at


def describe_queued(reason: str, expected_at: datetime | None, *, now: datetime) -> Sentence:
    """Return why a job waits in the cluster's queue, and when the cluster expects it to start.

    `expected_at` is what `squeue --start` says; it is rounded up to minutes, so that it is news
    only where it means something.
    """
    why = describe_wait(reason)
    if expected_at is None or expected_at < now:
        return Sentence("{why} Slurm has not planned yet when it starts.", {"why": why})
    at = datetime.fromtimestamp(-(-expected_at.timestamp() // 60) * 60, UTC)
    facts = {"why": why, "at": at}
    return Sentence("{why} Slurm estimates its start for {at} (squeue --start).", facts)
