"""The operators of a cluster behind an agent, who go on with their work whatever fails."""

import threading
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import TypeVar

from django.db import connection

from allmende import wiring
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import Refusal
from allmende.services import audit, cluster_accounts, drains, slurm_policies, steering
from allmende.services.workshop import Workshop
from allmende.wiring.clusters import policy_keeper_of
from tests.waiting import wait_until

OPERATOR = Person(id="p-op", name="Operator", roles=frozenset({Role.OPERATOR}))
Answer = TypeVar("Answer")


class FarOperators:
    """They apply policy, and drain a node and resume it, again and again, all through the agent."""

    def __init__(self, workshop: Workshop, site_id: str, partition_id: str) -> None:
        self.workshop, self.site_id, self.partition_id = workshop, site_id, partition_id
        self.refused: Counter[str] = Counter()
        self.drained = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._drain_again_and_again)

    def give_account(self, person_id: str, user_name: str) -> None:
        cluster_accounts.set_account(
            wiring.deed_of(OPERATOR),
            site_id=self.site_id,
            person_id=person_id,
            user_name=user_name,
            factory=self.workshop.factory,
        )

    def apply_policy(self) -> bool:
        return self._try(
            lambda: slurm_policies.apply_policy(
                lambda: wiring.deed_of(OPERATOR),
                self.site_id,
                keeper_of=policy_keeper_of,
                factory=self.workshop.factory,
            )
        )

    def start(self) -> None:
        plan = self._ask(
            lambda: slurm_policies.plan_policy(
                OPERATOR,
                self.site_id,
                keeper_of=policy_keeper_of,
                factory=self.workshop.factory,
                now=wiring.now(),
            )
        )
        self.changes_left = len(plan.changes)
        self.nodes = [each.name for each in self._list_nodes()]
        self.thread.start()

    def end(self) -> None:
        """Let them finish what they began."""
        self.is_over.set()
        self.thread.join()
        wait_until(self._count_looks)

    def books(self) -> dict:
        nodes = self._list_nodes()
        events = audit.list_events(DAEMON, limit=100_000)
        return {
            "refused": dict(self.refused),
            "drained": self.drained,
            "node_events": [e.action for e in events if e.action.startswith("node.")],
            "are_drained": [node.is_drained for node in nodes],
            "changes_left": self.changes_left,
            "changes": [e.subject for e in events if e.action == "cluster_policy.changed"],
            "looks": self._count_looks(),
        }

    def _list_nodes(self) -> list[drains.NodeView]:
        now, place = wiring.now(), self.partition_id
        return self._ask(
            lambda: drains.list_nodes(OPERATOR, place, now=now, workshop=self.workshop)
        )

    def _count_looks(self) -> int:
        now, factory = wiring.now(), self.workshop.factory
        steered = steering.list_steering(OPERATOR, self.site_id, factory=factory, now=now)
        return sum(len(course.marks) for each in steered for course in each.courses)

    def _drain_again_and_again(self) -> None:
        for node in cycle(self.nodes):
            wait_until(lambda node=node: self._try(lambda: self._drain(node)))
            wait_until(lambda node=node: self._try(lambda: self._resume(node)))
            self.drained += 1
            if self.is_over.is_set():
                break
        connection.close()

    def _drain(self, node: str) -> None:
        how = {"reason": "A trial.", "workshop": self.workshop}
        drains.drain_node(wiring.deed_of(OPERATOR), self.partition_id, node, **how)

    def _resume(self, node: str) -> None:
        deed, workshop = wiring.deed_of(OPERATOR), self.workshop
        drains.resume_node(deed, self.partition_id, node, workshop=workshop)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Return an answer, however often it takes to ask for it."""
        answers: list[Answer] = []
        wait_until(lambda: self._try(lambda: answers.append(question())))
        return answers[0]

    def _try(self, deed: Callable[[], object]) -> bool:
        try:
            deed()
        except Refusal as refusal:
            self.refused[refusal.code()] += 1
            return False
        return True
