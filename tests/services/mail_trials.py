"""Daemons that are killed while they send, and two that send at once, on a database of their own.

Run as a program: `python -m tests.services.mail_trials killed 3`. It prints what it saw as JSON.
"""

import json
import multiprocessing
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

from allmende import wiring

wiring.start()

from django.conf import settings  # noqa: E402 - Django must have started
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from allmende.domain.access.message_kinds import MessageKind  # noqa: E402
from allmende.domain.access.messages import HANDLING  # noqa: E402
from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.services import mail, people  # noqa: E402
from allmende.wiring import post  # noqa: E402
from tests.services.access import NOON, RULES, deed, person  # noqa: E402


def make_queue(count: int) -> str:
    """Queue some messages to one person; return who it is."""
    labels = {path.rpartition(".")[2] for path in settings.INSTALLED_APPS}
    settings.MIGRATION_MODULES = dict.fromkeys(labels)
    call_command("migrate", run_syncdb=True, verbosity=0)
    reader = person("reader")
    for number in range(count):
        mail.announce(
            deed(DAEMON), MessageKind.REVIEW_CALLED_OFF, about=f"app-{number}", to=[reader.id]
        )
    connection.close()
    return reader.id


def killed(count: int) -> dict:
    """Let a daemon die after it sent each message and before it noted that; then one that lives."""
    reader_id = make_queue(count)
    now = NOON
    for _ in range(count):
        process = multiprocessing.Process(target=send_and_die, args=(now,))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    states_before = states_of(reader_id)
    now += HANDLING
    sent = mail.deliver(lambda: deed(DAEMON, now=now), send=send_alone, rules=RULES).sent
    return {
        "before": states_before,
        "after": states_of(reader_id),
        "sent": sent,
        "mails": sorted(count_mails().values()),
    }


def send_and_die(now) -> None:
    connection.close()

    def send(parcel) -> None:
        send_alone(parcel)
        os.kill(os.getpid(), signal.SIGKILL)

    mail.deliver(lambda: deed(DAEMON, now=now), send=send, rules=RULES)


def together(count: int) -> dict:
    """Let two daemons send from one queue at the same time."""
    reader_id = make_queue(count)
    gate = multiprocessing.Barrier(2)
    senders = [multiprocessing.Process(target=send_all, args=(gate, count)) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
        assert sender.exitcode == 0
    return {"after": states_of(reader_id), "mails": sorted(count_mails().values())}


def send_all(gate, count: int) -> None:
    connection.close()
    gate.wait(timeout=60)
    mail.deliver(lambda: deed(DAEMON), send=send_alone, limit=count, rules=RULES)


def send_alone(parcel) -> None:
    """Send a mail through a connection of its own, so that it is written before anything else."""
    with post.open_post() as opened:
        opened.send(parcel)


def states_of(reader_id: str) -> dict[str, int]:
    own = mail.list_own_messages(people.get_person(reader_id), limit=1000)
    return dict(Counter(each.state.value for each in own))


def count_mails() -> Counter[str]:
    """Return how often each Message-ID lies in the folder of mails; a file may hold several."""
    texts = [file.read_text() for file in Path(settings.EMAIL_FILE_PATH).iterdir()]
    return Counter(re.findall(r"^Message-ID: (\S+)$", "\n".join(texts), flags=re.M))


if __name__ == "__main__":
    trials = {"killed": killed, "together": together}
    sys.stdout.write(json.dumps(trials[sys.argv[1]](int(sys.argv[2]))))
