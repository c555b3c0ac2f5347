"""The heartbeat: observe, settle, plan, start. One daemon leads; a second one stands by."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog

from allmende import wiring

wiring.start()  # services can be imported only once Django knows its tables

from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.basics.sites import Partition, Site  # noqa: E402
from allmende.services import (  # noqa: E402
    cluster_reservations,
    code_archives,
    cycle,
    documents,
    environments,
    halvings,
    leases,
    mail,
    model_terms,
    moves,
    projects,
    promises,
    slurm_policies,
    steering,
    usage,
    usage_collecting,
)
from allmende.services.mistakes import Mistake  # noqa: E402
from allmende.wiring import post, troubles  # noqa: E402
from allmende.wiring.access_rules import load_access_rules  # noqa: E402
from allmende.wiring.clusters import (  # noqa: E402
    policy_keeper_of,
    reservations_of,
    usage_reader,
    wheel_of,
)
from allmende.wiring.code_archives import shelves  # noqa: E402
from allmende.wiring.documents import shelf  # noqa: E402

HEARTBEAT_SECONDS = 1.0
CHORES_SECONDS = 60.0
SWEEP_SECONDS = 3600.0
REMINDERS_SECONDS = 600.0
CLEARING_SECONDS = 600.0  # between two looks at what is kept no longer
MAIL_SECONDS = 5.0
CLUSTER_SECONDS = 2.0  # between two looks at a cluster, whose commands take their time
HALVING_SECONDS = 5.0  # between two looks at who falls behind in a sweep
MOVES_SECONDS = 5.0  # between two looks at who might start sooner elsewhere
USAGE_SECONDS = 60.0  # between two readings of a cluster's accounting
RENEWAL_SECONDS = 2.0  # between renewals of the lead, however long a heartbeat takes
LONGEST_BEAT_SECONDS = 120.0  # one that takes longer is stuck: let another daemon try
SECONDS_FOR_MAIL = 5.0  # to finish what is being sent when the daemon ends

log = structlog.get_logger("allmende.daemon")


class Daemon:
    """Beats until it is told to stop. Killed at any instant, the next one carries on."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.chores_done_at = self.shelf_swept_at = self.reminded_at = float("-inf")
        self.workshop = wiring.workshop()
        self.heartbeat_seconds = heartbeat_seconds
        # Host and process are for people; in containers two daemons may share both.
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{wiring.new_id('d')}"
        self.untold: dict[str, str] = {}  # by partition: why its cluster is told nothing
        self.left_out: dict[str, Collection[tuple[str, str]]] = {}  # by place, as it was told
        self.stopping = threading.Event()
        self.leads = False
        self.beat_began_at = time.monotonic()

    def mind_mail(self) -> None:
        """Remind, and send what waits."""
        self._mind_queue()
        with post.open_post() as opened:
            delivery = mail.deliver(
                lambda: wiring.deed_of(DAEMON), send=opened.send, rules=load_access_rules()
            )
        self._tell_delivery(delivery)

    def _mind_queue(self) -> None:
        """Queue the reminders that are due, and forget what is old; now and then."""
        if time.monotonic() - self.reminded_at < REMINDERS_SECONDS:
            return
        self.reminded_at = time.monotonic()
        if count := mail.remind(wiring.deed_of(DAEMON), rules=load_access_rules()):
            log.info("reminders queued", messages=count)
        mail.forget_old(wiring.deed_of(DAEMON))
        steering.forget_old(wiring.deed_of(DAEMON))

    def clear_away(self) -> None:
        """Delete what is kept no longer: models past their day, and what projects that are over
        ran with. Sites are slow to answer, and disks to forget: it holds up nobody. What cannot be
        deleted now keeps nothing else from going."""
        deed_of, rules = partial(wiring.deed_of, DAEMON), load_access_rules()
        workshop = self.workshop
        with _guarded("models past their day stay"):
            for each in model_terms.delete_expired(deed_of(), backend_of=workshop.backend_of):
                log.info("model files past their day", outcome=getattr(each, "id", str(each)))
        with _guarded("unneeded code stays"):
            if removed := code_archives.remove_unneeded(deed_of(), shelves=shelves(), rules=rules):
                log.info("unneeded code removed", files=removed)
        with _guarded("environments of ended projects stay"):
            if removed := environments.remove_overdue(deed_of(), workshop=workshop, rules=rules):
                log.info("environments of ended projects removed", environments=removed)

    def _tell_delivery(self, delivery: mail.Delivery) -> None:
        if delivery.sent:
            log.info("mail sent", messages=delivery.sent)
        for message in delivery.failed:
            log.warning("mail not sent", message=message.id, answer=message.error)
        for message in delivery.given_up:
            log.error("mail given up", message=message.id, answer=message.error)

    def tend_clusters(self) -> None:
        """Read what clusters accounted for, and tell those that want it what was decided here."""
        for site in self.workshop.factory.sites:
            if site.slurm is not None:
                with _guarded("usage not collected", site=site.id):
                    self._collect_usage(site)
                with _guarded("policy not kept", site=site.id):
                    self._keep_policy(site)
            if site.slurm is not None and not site.agent:
                with _guarded("reservations not kept", site=site.id):
                    self._keep_reservations(site)

    def _collect_usage(self, site: Site) -> None:
        deed = wiring.deed_of(DAEMON)
        try:
            if site.agent:  # what it reads comes with its calls
                came = usage.revisit(deed, site)
            else:
                came = usage_collecting.collect(deed, site, reader=usage_reader(site)).came
        except Refusal as refusal:
            log.warning("usage not collected", site=site.id, sentence=str(refusal))
            return
        if came.new or came.changed:
            log.info("usage", site=site.id, new=came.new, changed=came.changed)

    def _keep_policy(self, site: Site) -> None:
        """Tell a cluster what was decided here, where the site wants that done by itself."""
        if site.slurm is None or not site.slurm.keep_applied:
            return
        try:
            done = slurm_policies.keep_policy(
                lambda: wiring.deed_of(DAEMON),
                site.id,
                keeper_of=policy_keeper_of,
                factory=self.workshop.factory,
            )
        except Refusal as refusal:
            log.warning("policy not kept", site=site.id, sentence=str(refusal))
            return
        if done.changes:
            log.info("policy", site=site.id, changes=len(done.changes))

    def _keep_reservations(self, site: Site) -> None:
        """Let a cluster keep the nodes that are reserved here."""
        for partition in site.partitions_on_slurm:
            try:
                kept = cluster_reservations.keep_reservations(
                    wiring.deed_of(DAEMON), partition, keeper=reservations_of(site)
                )
            except Refusal as refusal:
                log.warning("reservations not kept", site=site.id, sentence=str(refusal))
                return
            for trouble in kept.troubles:
                log.warning("reservation refused", partition=partition.id, sentence=str(trouble))
            if kept.steps:
                log.info("reservations", partition=partition.id, changes=len(kept.steps))

    def move_waiting(self) -> None:
        """Move jobs to where they start sooner."""
        deed = wiring.deed_of(DAEMON)
        for job in moves.move_waiting(deed, workshop=self.workshop, holder=self.holder):
            log.info("moved", job=job.id, partition=job.partition_id)

    def stop_fallen(self) -> None:
        """Stop jobs that fell behind in a sweep of which only the best go on."""
        deed = wiring.deed_of(DAEMON)
        stopped, mistakes = halvings.stop_fallen(deed, workshop=self.workshop, holder=self.holder)
        for job in stopped:
            log.info("fell behind", job=job.id)
        self._tell_left_out("sweeps", mistakes)

    def beat_cluster(self, site: Site) -> None:
        """Beat on the partitions of a cluster, and steer it.

        Behind an agent they are beaten on with all others, which never waits; steering may.
        """
        for partition in site.partitions:
            if partition.is_on_slurm:
                with _guarded("a cluster is left out", site=site.id):
                    if not site.agent:
                        self._beat_partition(partition.id)
                    self._steer(site, partition)

    def renew_lead(self) -> None:
        """Renew the lead while a heartbeat takes its time, unless that is stuck.

        Should it fail, the lease runs out, and the next heartbeat sees who leads.
        """
        if not self._is_stuck():
            leases.take_lead(wiring.deed_of(DAEMON), holder=self.holder)

    def _is_stuck(self) -> bool:
        return time.monotonic() - self.beat_began_at > LONGEST_BEAT_SECONDS

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Beat until a signal arrives or `until` says so; then give the lead back."""
        mailing = self._start_thread(MAIL_SECONDS, "mail is stuck", self.mind_mail)
        renewing = self._start_thread(
            RENEWAL_SECONDS, "lead not renewed", self.renew_lead, level=logging.WARNING
        )
        # The others are not waited for at the end: what they left, the next daemon does.
        self._start_thread(USAGE_SECONDS, "clusters are left out", self.tend_clusters)
        self._start_thread(MOVES_SECONDS, "jobs stay where they wait", self.move_waiting)
        self._start_thread(HALVING_SECONDS, "sweeps are left out", self.stop_fallen)
        self._start_thread(CLEARING_SECONDS, "what is kept no longer stays", self.clear_away)
        for site in self.workshop.factory.sites:
            if site.slurm is not None:
                beat = partial(self.beat_cluster, site)
                self._start_thread(CLUSTER_SECONDS, "a cluster is left out", beat)
        try:
            while not self.stopping.is_set() and not until():
                self.beat_began_at = time.monotonic()
                self._beat_or_wait()
                rest_seconds = self.beat_began_at + self.heartbeat_seconds - time.monotonic()
                self.stopping.wait(max(0.0, rest_seconds))
        finally:
            self.stopping.set()
            mailing.join(SECONDS_FOR_MAIL)  # killed in the middle, the mail is sent once more
            renewing.join()  # else it might take again what is given back
            if self.leads:
                leases.give_lead_back(wiring.deed_of(DAEMON), holder=self.holder)

    def _start_thread(
        self,
        pause_seconds: float,
        trouble: str,
        work: Callable[[], None],
        *,
        level: int = logging.ERROR,
    ) -> threading.Thread:
        """Do some work again and again while this daemon leads, so that it holds up nobody.

        A trouble ends one round, not the thread: the next one finds everything as it was.
        """

        def run() -> None:
            while not self.stopping.wait(pause_seconds):
                if self.leads:
                    with _guarded(trouble, level=level):
                        work()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _beat_or_wait(self) -> None:
        """Beat; a trouble of the machine passes, and the next heartbeat finds everything as it was.

        Whatever else goes wrong ends the daemon: who keeps it running begins another.
        """
        try:
            self.beat()
        except Exception as error:
            trouble = troubles.explain(error)
            if trouble is None:
                raise
            log.warning("waiting", sentence=str(trouble))
            wiring.close_database()
            self.leads = False

    def beat(self) -> None:
        """Do one heartbeat on every partition that is driven from here, if this daemon leads."""
        leads = leases.take_lead(wiring.deed_of(DAEMON), holder=self.holder)
        if leads != self.leads:
            log.info("leading" if leads else "standing by", holder=self.holder)
            self.leads = leads
        if not leads:
            return
        for site in self.workshop.factory.sites:
            for partition in site.partitions:
                # A cluster has a thread of its own, but for this not behind an agent.
                if partition.is_embedded or (partition.is_on_slurm and site.agent):
                    self._beat_partition(partition.id)
        if time.monotonic() - self.chores_done_at >= CHORES_SECONDS:
            self.chores_done_at = time.monotonic()
            self._do_chores()

    def _do_chores(self) -> None:
        """End projects whose period is over, sweep the shelf, judge the promises for the public.

        Whatever goes wrong with one of them, the others are done, and so is the next heartbeat.
        """
        deed, rules = wiring.deed_of(DAEMON), load_access_rules()
        with _guarded("projects do not end"):
            for project in projects.end_due_projects(deed, rules=rules):
                log.info("project ended", project=project.id)
        if time.monotonic() - self.shelf_swept_at >= SWEEP_SECONDS:
            self.shelf_swept_at = time.monotonic()
            with _guarded("stray files stay"):
                if removed := documents.remove_strays(deed, shelf=shelf()):
                    log.info("stray files removed", files=removed)
        with _guarded("promises are not judged"):
            results = promises.evaluate_promises(deed, factory=self.workshop.factory, rules=rules)
            broken = [result.promise_id for result in results if result.verdict == "broken"]
            if broken:
                log.warning("promises broken", promises=broken)

    def _beat_partition(self, partition_id: str) -> None:
        try:
            deed = wiring.deed_of(DAEMON)
            report = cycle.run_cycle(deed, partition_id, workshop=self.workshop, holder=self.holder)
        except Refusal as refusal:
            # Nothing is lost: the next heartbeat finds everything as it was.
            log.warning("refused", partition=partition_id, sentence=str(refusal))
            return
        for trouble in report.troubles:
            log.warning("refused", partition=partition_id, sentence=str(trouble))
        self._tell_left_out(partition_id, report.mistakes)
        if report.has_news:
            log.info("cycle", partition=partition_id, **report.counts())

    def _tell_left_out(self, place: str, mistakes: Collection[Mistake]) -> None:
        """Tell what is newly left out: each round meets it again, and it may last for days."""
        left_out = {(each.job_id, repr(each.error)): each for each in mistakes}
        for key, each in left_out.items():
            if key not in self.left_out.get(place, ()):
                log.error("left out", job=each.job_id, exc_info=each.error)
        self.left_out[place] = left_out.keys()

    def _steer(self, site: Site, partition: Partition) -> None:
        """Tell a cluster which groups are owed something."""
        deed = wiring.deed_of(DAEMON)
        told = steering.steer(deed, partition, wheel=wheel_of(site, partition))
        trouble = str(told.trouble or "")
        if trouble and trouble != self.untold.get(partition.id):  # once, for it may last a day
            log.warning("not steered", partition=partition.id, sentence=trouble)
        self.untold[partition.id] = trouble
        if told.changed:
            log.info("steered", partition=partition.id, groups=told.changed)

    def stop_at_end_of(self, pipe: int) -> None:
        """Wait until nobody holds the other end of the pipe, then end after the heartbeat."""
        # Read past Python's buffers: their lock, held at the end, would make a crash of it.
        while os.read(pipe, 1):
            pass
        self.stop()

    def stop(self, *_: int | FrameType | None) -> None:
        """End after the current heartbeat."""
        self.stopping.set()


@contextmanager
def _guarded(trouble: str, *, level: int = logging.ERROR, **where: str) -> Iterator[None]:
    """Tell of whatever goes wrong inside: the daemon itself must not end with it."""
    try:
        yield
    except Exception as error:
        log.log(level, trouble, exc_info=error, **where)
    finally:
        wiring.close_database()


def main(*, until_closed: int | None = None) -> None:
    """Run a daemon in the foreground until SIGTERM or Ctrl-C, or until a pipe has no other end.

    `until_closed` is the descriptor of that pipe: whoever holds the other end takes us along.
    """
    daemon = Daemon()
    if until_closed is not None:
        threading.Thread(target=daemon.stop_at_end_of, args=[until_closed], daemon=True).start()
    signal.signal(signal.SIGTERM, daemon.stop)
    signal.signal(signal.SIGINT, daemon.stop)
    daemon.run()
