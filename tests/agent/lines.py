"""A centre and an agent in one process: calls go through the real view, with real signatures."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.test import Client

from allmende import wiring
from allmende.agent.codes import Codes
from allmende.agent.errands import Errands
from allmende.agent.identities import Identity
from allmende.agent.removals import Removals
from allmende.agent.site_agent import SiteAgent
from allmende.agent.spools import Spool
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.sites import Factory, Site
from allmende.domain.scheduling.backends import Backend, Launch, Observation, ProgressFile
from allmende.domain.scheduling.exchanges import write_json
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.trust import agents as trust
from allmende.domain.trust import envelopes, signatures
from allmende.services import agents
from allmende.services.errands import FarReach, Messenger
from allmende.wiring.agents import centre_public_key, relay_of

SITE, PARTITION = "harz", "harz-cpu"
OPERATOR = Person(id="p-op", name="Op", roles=frozenset({Role.OPERATOR}))
FACTORY = Factory(
    name="F",
    operator="O",
    countries=frozenset({"DE"}),
    sites=(
        Site(id=SITE, name="Harz", hosting_entity="H", country="DE", agent=True),
        Site(id="heide", name="Heide", hosting_entity="H", country="DE", agent=True),
        Site(id="alone", name="Alone", hosting_entity="H", country="DE"),
    ),
)
KEY = bytes(range(32))
SECRET = b"s" * 32


def enrol(key: bytes = KEY, site_id: str = SITE, **changes) -> trust.Agent:
    """Enrol an agent with a fresh code, as its own program would."""
    code = agents.make_code(wiring.deed_of(OPERATOR), site_id, secret=SECRET, factory=FACTORY)
    public_key = signatures.public_key_of(key)
    facts = {
        "code_id": code.id,
        "site_id": site_id,
        "public_key": public_key,
        "proof": signatures.prove(SECRET, site_id=site_id, public_key=public_key),
        "protocols": (1,),
        "software": "0",
    }
    asked = agents.Application(**facts | changes)
    return agents.enrol_agent(wiring.deed_of(DAEMON), asked, software="9.9")


def send(body: bytes, *, agent_id: str, counter: object, key: bytes = KEY, **headers: str):
    """Post a body to the exchange, signed with a key; return the response."""
    message = signatures.request_message(
        path=trust.EXCHANGE_PATH, agent_id=agent_id, counter=int(counter), body=body
    )
    signed = {
        trust.AGENT_HEADER: agent_id,
        trust.COUNTER_HEADER: str(counter),
        trust.SIGNATURE_HEADER: signatures.sign(key, message),
    }
    return Client().generic(
        "POST", trust.EXCHANGE_PATH, body, content_type="application/json",
        headers=signed | headers,
    )  # fmt: skip


def is_signed(response, *, agent_id: str, counter: int) -> bool:
    message = signatures.answer_message(
        agent_id=agent_id, counter=counter, status=response.status_code, body=response.content
    )
    signature = response.headers.get(trust.SIGNATURE_HEADER, "")
    return signatures.is_signed(centre_public_key(), message, signature)


class Line:
    """An agent on a backend, and the relay that it works for; it calls whenever it is told to."""

    def __init__(
        self, backend: Backend, folder: Path, *, key: bytes = KEY, reach: Reach | None = None
    ) -> None:
        self.key = key
        self.takes_secrets = True  # False: as an older agent
        self.enrolled = enrol(key)
        self.identity = Identity(
            agent_id=self.enrolled.id,
            site_id=SITE,
            centre="http://127.0.0.1",
            centre_key=centre_public_key().hex(),
        )
        self.spool = Spool(folder / "spool.sqlite3")
        self.codes = Codes(folder / "code")
        self.backend = backend
        self.reach = reach
        self.relay = relay_of(FACTORY.get_site(SITE), PARTITION)
        self.relay.messenger = self.messenger = Messenger(
            site_id=SITE, now=wiring.now, new_id=wiring.new_id, pause=lambda _: self.pump()
        )
        self.restart()

    def restart(self) -> None:
        """Let the agent begin anew, with nothing but its spool."""
        self.agent = SiteAgent(
            self.spool,
            backend_of=lambda _: self.backend,
            places=lambda _: {},
            unseal=lambda launch: envelopes.open_with([self.key], launch),
            now=wiring.now,
            software="0",
            codes=self.codes,
            errands=Errands(self.reach, site_id=SITE, removals=self._removals()),
        )

    def _removals(self) -> Removals:
        return Removals(
            self.spool,
            backend_of=lambda _: self.backend,
            site_id=SITE,
            now=wiring.now,
            sign=lambda message: signatures.sign(self.key, message),
        )

    def call(self) -> dict:
        """Make one call, and let its answer take effect."""
        report, answer = self.ask()
        self.agent.take_answer(report, answer)
        return answer

    def ask(self) -> tuple[dict, dict]:
        """Make one call, and lose its answer."""
        report = self.agent.write_report()
        if self.takes_secrets:
            report["sealing_key"] = envelopes.public_key_of(self.key).hex()
        counter = self.spool.count_on()
        body = write_json(report).encode()
        response = send(body, agent_id=self.enrolled.id, counter=counter, key=self.key)
        assert response.status_code == 200, response.content
        assert is_signed(response, agent_id=self.enrolled.id, counter=counter)
        return report, response.json()

    def pump(self) -> None:
        """Tend and call until there is nothing more to say."""
        for _ in range(50):
            self.agent.tend()
            self.call()
            if not self.agent.is_busy:
                return
        raise AssertionError("the agent never comes to an end")


def far_reach(line: Line, site: Site) -> FarReach:
    """Return a cluster at the other end of a line, whose agent calls while somebody waits."""
    return FarReach(site, line.messenger)


class PumpedRelay:
    """The relay as a backend, whose agent calls whenever somebody looks."""

    def __init__(self, line: Line) -> None:
        self.line = line

    @property
    def folders(self):
        return self.line.backend.folders

    def start(self, launch: Launch) -> None:
        self.line.call()  # it has called in before
        self.line.relay.start(launch)

    def stop(self, key: str, **how) -> None:
        self.line.pump()  # so that it is known there, as it would be a moment later
        self.line.relay.stop(key, **how)

    def set_nice(self, wanted: Mapping[str, int]) -> None:
        self.line.relay.set_nice(wanted)

    def observe(self, keys: Iterable[str]) -> list[Observation]:
        self.line.pump()
        return self.line.relay.observe(keys)

    def read_log(self, key: str, *, offset: int, limit: int) -> bytes:
        self.line.pump()
        return self.line.relay.read_log(key, offset=offset, limit=limit)

    def measure_log(self, key: str) -> int:
        self.line.pump()
        return self.line.relay.measure_log(key)

    def read_progress(self, job_id: str, **part) -> bytes:
        self.line.pump()
        return self.line.relay.read_progress(job_id, **part)

    def measure_progress(self, job_id: str) -> int:
        self.line.pump()
        return self.line.relay.measure_progress(job_id)

    def open_progress(self, job_ids: Iterable[str]) -> Iterator[ProgressFile]:
        self.line.pump()
        return self.line.relay.open_progress(job_ids)

    def list_output(self, job_id: str) -> dict[str, int]:
        return self.line.relay.list_output(job_id)

    def read_output(self, job_id: str, name: str, **part) -> bytes:
        return self.line.relay.read_output(job_id, name, **part)

    def has_environment(self, environment_id: str, **whose: str) -> bool | None:
        return self.line.relay.has_environment(environment_id, **whose)

    def list_environments(self) -> list[str]:
        return self.line.relay.list_environments()

    def remove_environments(self, account: str) -> int:
        return self.line.relay.remove_environments(account)

    def remove_output(self, job_id: str) -> Mapping[str, str]:
        return self.line.relay.remove_output(job_id)

    def forget_output(self, job_id: str) -> None:
        self.line.relay.forget_output(job_id)
