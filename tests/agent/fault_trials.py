"""A minute of faults: a centre, three agents, lines that fail, processes that are killed.

Two of the agents run jobs on their own machine, and one on a Slurm cluster.

Run as a program in a home of its own: `python -m tests.agent.fault_trials FOLDER SEED SECONDS LAB`.
It prints what stands in the books at the end, and what really ran, as JSON.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

from allmende import wiring
from allmende.backends.jobs.ports import find_free_port

wiring.start()

from tools.slurm_lab import Lab  # noqa: E402

from allmende.domain.basics.people import DAEMON  # noqa: E402
from allmende.domain.basics.refusals import Refusal  # noqa: E402
from allmende.domain.scheduling.jobs import LIFECYCLE  # noqa: E402
from allmende.domain.training.job_files import parse_job_file  # noqa: E402
from allmende.services import agents, audit, jobs, ledger  # noqa: E402
from allmende.services.story import Story  # noqa: E402
from allmende.wiring import database_version, home, stage  # noqa: E402
from allmende.wiring.access_rules import load_access_rules  # noqa: E402
from allmende.wiring.assembly import build_workshop  # noqa: E402
from tests.agent.far_operators import FarOperators  # noqa: E402
from tests.agent.faulty_proxy import Proxies  # noqa: E402
from tests.agent.networks import open_network  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

PROJECT = Path(__file__).resolve().parents[2]
SITES = {"werkstatt": "founder", "heide": "researcher", "harz": "corporation"}
ON_SLURM, USER = "harz", "games"
PARTITIONS = {"werkstatt": "werkbank", "heide": "heide-cpu", "harz": "harz-cpu"}
FAULTINESS = 35.0
LONGEST_SECONDS = 240.0
CENTRE_IS_KILLED_AT = (12, 40)  # turns


def write_configuration(folder: Path, lab: Lab) -> None:
    """Write a factory in which three sites of one partition each have an agent."""
    shutil.copytree(PROJECT / "config", folder)
    text = (folder / "factory.toml").read_text()
    start = text.rindex("[[sites]]")
    site = text[start:].replace("[[sites]]", "[[sites]]\nagent = true", 1)
    sites = [
        site.replace("werkstatt", name).replace("werkbank", PARTITIONS[name]) for name in SITES
    ]
    on_slurm = list(SITES).index(ON_SLURM)
    sites[on_slurm] = (
        sites[on_slurm]
        .replace('status = "embedded"', 'status = "slurm"\nslurm_partition = "booster"')
        .replace("[[sites.partitions]]", f"{describe_cluster(lab)}\n[[sites.partitions]]", 1)
    )
    (folder / "factory.toml").write_text(text[:start] + "\n".join(sites))
    calls = (folder / "calls.toml").read_text().split("[[calls]]")
    for number, call in enumerate(calls):
        for word, site_id in (("science-2026", "heide"), ("commercial-2026", "harz")):
            if f'id = "werkbank-{word}"' in call:
                wanted = f'partition_id = "{PARTITIONS[site_id]}"'
                calls[number] = call.replace('partition_id = "werkbank"', wanted)
    (folder / "calls.toml").write_text("[[calls]]".join(calls))


def describe_cluster(lab: Lab) -> str:
    """Return the table that says where the cluster is; its jobs' files lie beside it."""
    work_folder = lab.plan.folder / "work"
    work_folder.mkdir(exist_ok=True)
    return f"""
[sites.slurm]
cluster = "{lab.plan.cluster}"
conf = "{lab.plan.conf}"
bin_folder = "{lab.plan.folder}/bin"
work_folder = "{work_folder}"
"""


class Trial:
    """Everybody who takes part, and the one who does them harm."""

    def __init__(self, folder: Path, seed: int, lab: Lab) -> None:
        self.folder = folder
        self.lab = lab
        # Whoever a job runs as can write here.
        self.ran = lab.plan.folder / "ran"
        self.ran.touch()
        self.ran.chmod(0o666)
        self.seed = seed
        self.dice = random.Random(seed)
        self.processes: dict[str, subprocess.Popen] = {}
        self.started: list[subprocess.Popen] = []
        self.kills: Counter = Counter()
        self.replayed: Counter = Counter()
        self.submitted: list[str] = []
        self.uncancelled: dict[str, str] = {}  # the site of each job
        self.port = find_free_port()
        # The cluster's own daemons are on this machine's loopback, so its agent is there too.
        opened = {site: open_network() for site in SITES if site != ON_SLURM}
        self.networks = {site: network for site, network in opened.items() if network}
        sockets = [
            self.networks[site].listen()
            if site in self.networks
            else socket.create_server(("127.0.0.1", 0))
            for site in SITES
        ]
        self.proxies = Proxies(self.port, sockets, seed)
        self.lines = dict(zip(SITES, self.proxies.lines, strict=True))

    def prepare(self) -> None:
        database_version.bring_up_to_date()
        ids = stage.seeded_ids(self.seed)
        self.workshop = build_workshop()
        self.story = Story(
            act=lambda person: wiring.deed_of(person).__class__(
                actor=person, now=wiring.now(), new_id=ids
            ),
            workshop=self.workshop,
            rules=load_access_rules(),
        )
        for part in (
            self.story.open_factory,
            self.story.gather_people,
            self.story.check_eligibility,
            self.story.apply,
            self.story.award,
        ):
            for _ in part():
                pass
        self.operators = FarOperators(self.workshop, ON_SLURM, PARTITIONS[ON_SLURM])
        # The owner of the jobs there is a user of the cluster.
        self.operators.give_account(self.story.persons[SITES[ON_SLURM]].id, USER)

    # ---- processes

    def start_centre(self) -> None:
        self.start("centre", "-m", "allmende", "serve", "--no-gate", "--port", str(self.port))

    def start_agent(self, site: str) -> None:
        skew = self.dice.choice([0, -420, 300, 3600])
        environment = {"ALLMENDE_HOME": str(self.folder / site)}
        self.start(site, "-m", "tests.agent.site_program", site, str(skew), **environment)

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.at(environment, [sys.executable, *arguments]), cwd=PROJECT,
                env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.started.append(self.processes[name])

    def at(self, environment: dict[str, str], command: list[str]) -> list[str]:
        """Return a command as it is run where it belongs: at a site, or at the centre."""
        network = self.networks.get(Path(environment.get("ALLMENDE_HOME", "")).name)
        return network.wrap(command) if network else command

    def kill(self, name: str) -> None:
        self.kills[name] += 1
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def is_up(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/promises", timeout=5).close()
        except OSError:
            return False
        return True

    def enrol(self, site: str) -> None:
        """Enrol an agent by the commands that people use."""
        made = self.command("agents", "enrol", site, "--json")
        centre = f"http://127.0.0.1:{self.lines[site].port}"
        code = json.loads(made)["code"]
        environment = {"ALLMENDE_HOME": str(self.folder / site)}
        self.command("agent", "enrol", code, "--site", site, "--centre", centre, **environment)

    def command(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            self.at(environment, [sys.executable, "-m", "allmende", *arguments]), cwd=PROJECT,
            check=False, env={**os.environ, **environment}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    # ---- what happens

    def play(self, seconds: float) -> None:
        self.start_centre()
        wait_until(self.is_up)
        for site in SITES:
            self.enrol(site)
            self.start_agent(site)
        wait_until(self.operators.apply_policy)
        self.operators.start()
        for line in self.lines.values():
            line.faultiness = FAULTINESS
        ends_at = time.monotonic() + seconds
        turns = 0
        while time.monotonic() < ends_at or not self.is_eventful(turns):
            assert time.monotonic() < ends_at + LONGEST_SECONDS, "too little happens"
            self.submit(self.dice.choice(list(SITES)))
            if self.dice.random() < 0.25:
                self.cancel()
            self.harm(turns)
            turns += 1
            time.sleep(self.dice.uniform(0.1, 0.5))
        for line in self.lines.values():
            line.faultiness, line.is_cut = 0.0, False
        if self.processes["centre"].poll() is not None:
            self.start_centre()
        self.operators.end()
        wait_until(self.have_all_ended)

    def is_eventful(self, turns: int) -> bool:
        """Say whether the books will have something to tell, however slow the machine is."""
        faults = sum(each.counted.total() - each.counted["passed"] for each in self.lines.values())
        sites = list(self.uncancelled.values())
        is_hard = turns > CENTRE_IS_KILLED_AT[0] and faults > 25
        return is_hard and len(sites) > 12 and sites.count(ON_SLURM) > 5

    def submit(self, site: str) -> None:
        owner = SITES[site]
        script = (
            f"echo $ALLMENDE_JOB_ID.$ALLMENDE_ATTEMPT >> {self.ran};"
            "echo begun $ALLMENDE_JOB_ID; echo model > $ALLMENDE_OUT/model;"
            f"sleep {self.dice.uniform(0, 2.5):.2f}; echo done $ALLMENDE_JOB_ID"
        )
        file = {"name": "t", "max_duration": "30s", "run": script}
        try:
            (job,) = jobs.submit_job(
                wiring.deed_of(self.story.persons[owner]),
                parse_job_file(file),
                project_id=self.story.projects[owner],
                client_key=f"k{len(self.submitted)}",
                workshop=self.workshop,
            )
        except Refusal as refusal:
            raise AssertionError(str(refusal)) from refusal
        self.submitted.append(job.id)
        self.uncancelled[job.id] = site

    def cancel(self) -> None:
        job_id = self.dice.choice(self.submitted)
        self.uncancelled.pop(job_id, None)
        owner = jobs.get_job(self.story.persons["auditor"], job_id).job.person_id
        person = next(each for each in self.story.persons.values() if each.id == owner)
        try:
            jobs.cancel_job(wiring.deed_of(person), job_id)
        except jobs.JobHasEnded:
            return

    def harm(self, turn: int) -> None:
        """Do one thing, in an order that a seed gives again."""
        site = self.dice.choice(list(SITES))
        deed = self.dice.choices(
            ["nothing", "kill", "cut", "mend", "replay", "rotate", "twin"],
            [10, 3, 2, 4, 1, 1, 1],
        )[0]
        if turn in CENTRE_IS_KILLED_AT:
            self.kill("centre")
            self.start_centre()
        if deed == "kill":
            self.kill(site)
            self.start_agent(site)
        elif deed == "cut":
            self.lines[site].is_cut = True
        elif deed == "mend":
            self.lines[site].is_cut = False
        elif deed == "replay":
            self.replayed.update(self.proxies.replay(self.lines[site]))
        elif deed == "rotate":
            self.command("agent", "rotate", "--site", site,
                         ALLMENDE_HOME=str(self.folder / site))  # fmt: skip
        elif deed == "twin":
            # A second agent for the same home stands aside, whatever the first one is doing.
            self.start(f"{site}-twin", "-m", "tests.agent.site_program", site, "0",
                       ALLMENDE_HOME=str(self.folder / site))  # fmt: skip

    def have_all_ended(self) -> bool:
        found = jobs.list_jobs(self.story.persons["auditor"], limit=1000)
        return all(LIFECYCLE.is_final(job.state) for job in found)

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        for site in SITES:
            stage.end_running(self.folder / site / "work")
        for network in self.networks.values():
            network.close()

    # ---- what stands in the books

    def books(self) -> dict:
        auditor = self.story.persons["auditor"]
        found = jobs.list_jobs(auditor, limit=1000)
        attempts = [each for job in found for each in jobs.get_job(auditor, job.id).attempts]
        events = Counter(event.action for event in audit.list_events(DAEMON, limit=100_000))
        relays = {job.id: self.workshop.backend_of(job.partition_id) for job in found}
        logs = {a.key: relays[a.job_id].read_log(a.key, offset=0, limit=999) for a in attempts}
        return {
            "far": self.operators.books(),
            "seed": self.seed,
            "submitted": len(self.submitted),
            "jobs": len(found),
            "attempts": [attempt.key for attempt in attempts],
            "completed": [a.key for a in attempts if a.reason == "completed"],
            "ran": Counter(self.ran.read_text().split()),
            "ran_on_slurm": len([a for a in attempts if a.key in self.measure_cluster()]),
            "unsettled": [attempt.key for attempt in attempts if not attempt.is_settled],
            "settled": events["attempt.settled"],
            "set_aside": events["agent.message_set_aside"],
            "charged": {a.key: a.used_seconds for a in attempts},
            "measured": self.measure(),
            "logs": {key: content.decode() for key, content in logs.items()},
            "outputs": {
                a.key: relays[a.job_id].list_output(a.job_id) for a in attempts
                if a.reason == "completed"
            },
            "is_ledger_clean": ledger.check(auditor).is_clean,
            "audit_findings": len(audit.check_audit(auditor)),
            "held_seconds": sum(
                each.balance_seconds
                for each in ledger.list_accounts(auditor, limit=1000)
                if each.account.id.startswith("held:")
            ),
            "accepted_most": max(max(line.accepted.values()) for line in self.lines.values()),
            "accepted": sum(len(line.accepted) for line in self.lines.values()),
            "faults": dict(sum((line.counted for line in self.lines.values()), Counter())),
            "kills": dict(self.kills),
            "replayed": {str(status): count for status, count in self.replayed.items()},
            "keys_changed": events["agent.key_changed"],
            "networks": len(self.networks),
            "ways_out": [s for s, each in self.networks.items() if each.reaches(self.port)],
            "working_agents": len([a for a in agents.list_agents(auditor) if not a.revoked_at]),
        }  # fmt: skip

    def measure(self) -> dict[str, float]:
        """Return how long each attempt ran by the file that its own runner wrote."""
        found = {}
        for path in self.folder.glob("*/work/*/attempts/*/ended.json"):
            end = json.loads(path.read_text())
            key = f"{path.parts[-4]}.{path.parts[-2]}"
            found[key] = (end["ended_at"] - end["started_at"]) / 1_000_000
        return found | self.measure_cluster()

    def measure_cluster(self) -> dict[str, float]:
        """Return how long each attempt ran by the cluster's own accounting."""
        asked = "-n -X -P -D -a -S now-1hours -o jobname,elapsedraw,nnodes".split()
        lines = (line.split("|") for line in self.lab.run("sacct", *asked).splitlines())
        found: Counter[str] = Counter()
        for key, seconds, nodes in lines:
            found[key] += int(seconds) * int(nodes)
        return dict(found)


def main(folder: Path, seed: int, seconds: float, lab: Lab) -> dict:
    trial = Trial(folder, seed, lab)
    try:
        trial.prepare()
        trial.play(seconds)
        return trial.books()
    finally:
        trial.end()


if __name__ == "__main__":
    assert re.search("centre$", str(home.home())), "a home of its own"
    the_lab = Lab.find(Path(sys.argv[4]))
    answer = main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), the_lab)
    sys.stdout.write(json.dumps(answer))
