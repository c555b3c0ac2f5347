"""Plays the demo stage by stage and shows it while it happens."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from allmende import wiring
from allmende.cli.demo_board import WATCHER, JobBoard
from allmende.cli.evidence import read_folder, write_folder
from allmende.domain.basics.ids import IdMaker
from allmende.domain.basics.people import DAEMON, Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.trust import evidence as sealed
from allmende.domain.trust.verdicts import PromiseResult, Verdict
from allmende.services import cycle, evidence, forecasts, leases, ledger, models, promises, runs
from allmende.services.cast import DEMO_PASSWORD, EVERYBODY, EXPERTS, FOUNDER
from allmende.services.deeds import Deed
from allmende.services.large_scale import LargeScale
from allmende.services.story import Story
from allmende.wiring import stage
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.home import home
from allmende.wiring.languages import translate

PARTITION = "werkbank"
HEARTBEAT_SECONDS = 1.0
# The node dies once its job has something to lose, and something saved.
DYING_AT_PERCENT = 30
LONGEST_RUN_SECONDS = 600
LONGEST_START_SECONDS = 30
WELL_UNDER_WAY_PERCENT = 15

TITLES = {
    "factory": Sentence("The factory opens"),
    "people": Sentence("Everybody arrives"),
    "eligibility": Sentence("May we?"),
    "application": Sentence("They apply"),
    "award": Sentence("They are given time"),
    "review": Sentence("Two large projects went before the experts"),
    "jobs": Sentence("They submit more than the partition can run"),
    "run": Sentence("The kernel shares, the nodes train"),
    "models": Sentence("What was trained"),
    "promises": Sentence("Were the promises kept?"),
}

WORDS = {
    Verdict.KEPT: (Sentence("✓ kept"), "green"),
    Verdict.BROKEN: (Sentence("✗ broken"), "bold red"),
    Verdict.NO_EVIDENCE: (Sentence("– no evidence"), "dim"),
}


class Stage:
    """Where the story is played: one method a stage, and what the audience sees."""

    def __init__(self, *, console: Console, new_id: IdMaker) -> None:
        self.console = console
        self.new_id = new_id
        self.workshop = wiring.workshop()
        self.rules = load_access_rules()
        self.story = Story(act=self.act, workshop=self.workshop, rules=self.rules)
        self.board = JobBoard(self.story, self.workshop)
        self.results: tuple[PromiseResult, ...] = ()
        self.checks: dict[str, bool] = {}
        self.node_died = False
        self.holder = f"{stage.HOLDER}{socket.gethostname()}:{os.getpid()}"
        self.begun_at = time.monotonic()

    def act(self, person: Person) -> Deed:
        """Return a deed of a person, now."""
        return Deed(actor=person, now=wiring.now(), new_id=self.new_id)

    def play(self, name: str) -> None:
        """Play one stage."""
        number = list(TITLES).index(name) + 1
        self.console.print()
        self.console.rule(f"[bold]{number}  {translate(TITLES[name])}", align="left", style="dim")
        stages: dict[str, Callable[[], None]] = {
            "factory": lambda: self._tell(self.story.open_factory),
            "people": lambda: self._tell(self.story.gather_people),
            "eligibility": lambda: self._tell(self.story.check_eligibility),
            "application": lambda: self._tell(self.story.apply),
            "award": lambda: self._tell(self.story.award),
            "review": lambda: self._tell(LargeScale(self.story, wiring.now()).play),
            "jobs": lambda: self._tell(self.story.submit_jobs),
            "run": self._run,
            "models": self._show_models,
            "promises": self._judge,
        }
        stages[name]()

    def _tell(self, part: Callable[[], Any]) -> None:
        for sentence in part():
            self.console.print(f"  {translate(sentence)}", highlight=False, soft_wrap=True)

    # The run: a heartbeat twice a second, shown live.

    def _run(self) -> None:
        """Fill the partition, let the SMEs come, lose a node, and beat until all have ended."""
        forecasts.get_ready()
        self._beat()
        self._wait_for_work_to_lose()
        self._tell(self.story.submit_sme_jobs)
        ends_by = time.monotonic() + LONGEST_RUN_SECONDS
        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            while not self._has_ended() and time.monotonic() < ends_by:
                started = time.monotonic()
                self._beat()
                self._maybe_lose_a_node()
                for line in self.board.list_news():
                    live.console.print(line, highlight=False, soft_wrap=True)
                live.update(self.board.render())
                time.sleep(max(0.0, started + HEARTBEAT_SECONDS - time.monotonic()))
        self.console.print(self.board.render())

    def _beat(self) -> None:
        """Do what a daemon does, as one of them: a portal opened meanwhile brings another.

        On a busy machine that one may take the lead in the middle of a heartbeat; then it beats.
        """
        if leases.take_lead(self.act(DAEMON), holder=self.holder):
            deed = self.act(DAEMON)
            with contextlib.suppress(leases.LeadIsLost):
                cycle.run_cycle(deed, PARTITION, workshop=self.workshop, holder=self.holder)

    def _wait_for_work_to_lose(self) -> None:
        """Let the SMEs come when the runs are under way, and none of them is near its end."""
        ends_by = time.monotonic() + LONGEST_START_SECONDS
        while time.monotonic() < ends_by:
            percents = [
                self._read_progress(view.job).percent
                for view in self.board.views()
                if view.job.state is JobState.RUNNING
            ]
            if all(percents) or max(percents) >= WELL_UNDER_WAY_PERCENT:
                return
            time.sleep(HEARTBEAT_SECONDS / 10)

    def _read_progress(self, job: Job) -> runs.Progress:
        return runs.read_progress(self.workshop.backend_of(job.partition_id), job.id)

    def _has_ended(self) -> bool:
        return all(view.job.ended_at and view.job.outputs_read_at for view in self.board.views())

    def _maybe_lose_a_node(self) -> None:
        """Pull the plug on the first SME run that has saved a checkpoint, once."""
        if self.node_died:
            return
        project_id = self.story.projects[FOUNDER.key]
        for view in self.board.views():
            job = view.job
            if job.project_id != project_id or job.state is not JobState.RUNNING:
                continue
            progress = self._read_progress(job)
            if progress.percent >= DYING_AT_PERCENT and job.attempts == 1:
                self.node_died = stage.let_node_die(view.attempts[-1].key)
                return

    # What came of it.

    def _show_models(self) -> None:
        table = Table(box=None, pad_edge=False)
        titles = (
            Sentence("job"),
            Sentence("AUROC, held out"),
            Sentence("baseline"),
            Sentence("energy"),
            Sentence("attempts"),
        )
        for title in titles:
            table.add_column(translate(title), no_wrap=True, overflow="ellipsis")
        for model in reversed(models.list_models(WATCHER)):
            table.add_row(model.name, *_facts_of(dict(model.record)))
        self.console.print(table)

    def _judge(self) -> None:
        """Judge every promise, check the ledger, export the evidence, and verify the export."""
        parts = {"factory": self.workshop.factory, "rules": self.rules}
        self.results = promises.evaluate_promises(self.act(WATCHER), **parts)
        export = evidence.export_evidence(self.act(WATCHER), **parts)
        folder = home() / "evidence"
        write_folder(folder, export.files, export.manifest)
        verification = sealed.verify(*read_folder(folder))
        views = self.board.views()
        reasons = [attempt.reason for view in views for attempt in view.attempts]
        self.checks = {
            "every job was completed": all(v.job.state is JobState.COMPLETED for v in views),
            "a run was preempted and resumed": EndReason.PREEMPTED in reasons,
            "a node died and its job went on": EndReason.NODE_FAIL in reasons,
            "the ledger balances": ledger.check(WATCHER).is_clean,
            "the exported evidence verifies": verification.is_clean,
        }
        self._show_promises()

    def _show_promises(self) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in (Sentence("promise"), Sentence("target"), Sentence("value"), Sentence("")):
            table.add_column(translate(title), overflow="fold")
        for result in self.results:
            word, style = WORDS[result.verdict]
            table.add_row(
                translate(result.title),
                translate(result.target),
                translate(result.value),
                Text(translate(word), style=style),
            )
        self.console.print(table)
        self.console.print()
        for name, held in self.checks.items():
            mark = "[green]✓[/]" if held else "[bold red]✗[/]"
            self.console.print(f"  {mark} {translate(CHECKS[name])}", highlight=False)

    @property
    def is_kept(self) -> bool:
        """Say whether every promise and every check held, as far as the story went."""
        broken = any(result.verdict is Verdict.BROKEN for result in self.results)
        return not broken and all(self.checks.values())

    def summary(self) -> dict[str, Any]:
        """Return what came of it, for programs."""
        return {
            "promises": [
                {
                    "id": result.promise_id,
                    "target": result.target,
                    "value": result.value,
                    "verdict": result.verdict,
                }
                for result in self.results
            ],
            "checks": self.checks,
            "is_kept": self.is_kept,
            "seconds": round(time.monotonic() - self.begun_at, 1),
        }

    def say_how_to_look(self, *, is_finished: bool) -> None:
        """Say what to do next."""
        seconds = round(time.monotonic() - self.begun_at)
        self.console.print()
        if is_finished and self.is_kept:
            kept = Sentence(
                "Every promise that has evidence was kept. It took {s} seconds.", {"s": seconds}
            )
            self.console.print(f"[bold green]{translate(kept)}")
        elif is_finished:
            broken = Sentence("Something was not kept. It took {s} seconds.", {"s": seconds})
            self.console.print(f"[bold red]{translate(broken)}")
        look = Sentence("Look at it: make serve, then open http://127.0.0.1:8000/")
        self.console.print(translate(look), highlight=False)
        sign_in = Sentence("Sign in with the password {password} as:", {"password": DEMO_PASSWORD})
        self.console.print(translate(sign_in), highlight=False)
        everybody = [each for each in (*EVERYBODY, *EXPERTS) if each.key in self.story.persons]
        for part in everybody:
            role = part.organisation or part.role.value.replace("_", " ")
            self.console.print(f"  {part.email:<26} {part.name}, {role}", highlight=False)

    def clear_up(self) -> None:
        """End what still runs, after Ctrl-C."""
        stage.end_running(home() / "work")

    def leave(self) -> None:
        """Let a daemon that stands by take over."""
        leases.give_lead_back(self.act(DAEMON), holder=self.holder)


CHECKS = {
    "every job was completed": Sentence("every job was completed"),
    "a run was preempted and resumed": Sentence("a run was preempted and resumed"),
    "a node died and its job went on": Sentence("a node died and its job went on"),
    "the ledger balances": Sentence("the ledger balances"),
    "the exported evidence verifies": Sentence("the exported evidence verifies"),
}


def _facts_of(record: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return what a record says, in the few words that fit into a row."""
    evaluation, energy, run = record["evaluation"], record["energy"], record["run"]
    return (
        _interval(evaluation["model"]["auroc"]),
        _interval(evaluation["baseline"]["auroc"]),
        f"{energy['joules']} J ({energy['method']})",
        str(run["attempts"]),
    )


def _interval(measure: dict[str, float]) -> str:
    return f"{measure['value']:.3f} ({measure['low']:.3f}–{measure['high']:.3f})"
