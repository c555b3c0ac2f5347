"""States in words people use, each with a shape and a colour, so that no one of them is needed."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Look:
    """How a state is shown."""

    word: str
    icon: str
    colour: str  # good, busy, wait, bad or calm


def describe(kind: str, state: str) -> Look:
    """Return how to show a state of a kind of thing; an unknown one shows its own name."""
    return KINDS[kind]().get(state, Look(state.replace("_", " "), "ring", "calm"))


def _jobs() -> dict[str, Look]:
    return {
        "pending": Look(_("waiting"), "clock", "wait"),
        "running": Look(_("running"), "run", "busy"),
        "completed": Look(_("done"), "check", "good"),
        "failed": Look(_("failed"), "cross", "bad"),
        "cancelled": Look(_("cancelled"), "stop", "calm"),
        "timeout": Look(_("time limit reached"), "clock", "bad"),
        "out_of_memory": Look(_("out of memory"), "warning", "bad"),
        "node_fail": Look(_("node failed"), "warning", "bad"),
        "preempted": Look(_("paused for others"), "pause", "wait"),
    }


def _applications() -> dict[str, Look]:
    return {
        "draft": Look(_("draft"), "pencil", "calm"),
        "submitted": Look(_("submitted"), "send", "busy"),
        "technical_assessment": Look(_("being checked"), "clock", "busy"),
        "expert_review": Look(_("with the experts"), "pencil", "busy"),
        "panel": Look(_("before the panel"), "clock", "busy"),
        "assessed": Look(_("checked"), "check", "busy"),
        "awarded": Look(_("awarded"), "check", "good"),
        "refused": Look(_("refused"), "cross", "bad"),
        "ineligible": Look(_("not eligible"), "cross", "bad"),
        "withdrawn": Look(_("withdrawn"), "back", "calm"),
    }


def _policy_changes() -> dict[str, Look]:
    return {
        "add": Look(_("new"), "plus", "good"),
        "change": Look(_("changed"), "pencil", "wait"),
        "close": Look(_("closed"), "stop", "bad"),
        "remove": Look(_("deleted"), "cross", "bad"),
    }


def _agents() -> dict[str, Look]:
    return {
        "new": Look(_("no call yet"), "clock", "wait"),
        "connected": Look(_("calls in"), "check", "good"),
        "quiet": Look(_("cut off"), "warning", "bad"),
        "revoked": Look(_("revoked"), "cross", "calm"),
    }


def _projects() -> dict[str, Look]:
    return {
        "onboarding": Look(_("starting"), "clock", "busy"),
        "active": Look(_("active"), "run", "good"),
        "suspended": Look(_("suspended"), "pause", "bad"),
        "ended": Look(_("ended"), "stop", "calm"),
        "closed": Look(_("closed"), "stop", "calm"),
    }


def _verdicts() -> dict[str, Look]:
    return {
        "kept": Look(_("kept"), "check", "good"),
        "broken": Look(_("broken"), "cross", "bad"),
        "no_evidence": Look(_("no evidence yet"), "question", "calm"),
        "eligible": Look(_("eligible"), "check", "good"),
        "ineligible": Look(_("not eligible"), "cross", "bad"),
        "unresolved": Look(_("needs a person"), "question", "wait"),
    }


def _partitions() -> dict[str, Look]:
    return {
        "embedded": Look(_("jobs run here"), "run", "good"),
        "slurm": Look(_("jobs run on its Slurm cluster"), "run", "good"),
        "described": Look(_("shown only"), "ring", "calm"),
        "planned": Look(_("planned"), "clock", "wait"),
    }


def _tasks() -> dict[str, Look]:
    return {
        "done": Look(_("done"), "check", "good"),
        "open": Look(_("to do"), "pencil", "wait"),
        "later": Look(_("comes later"), "clock", "calm"),
        "optional": Look(_("optional"), "ring", "calm"),
    }


def _documents() -> dict[str, Look]:
    return {
        "proposal": Look(_("Description of the project"), "ring", "calm"),
        "time_plan": Look(_("Time plan"), "ring", "calm"),
        "contract": Look(_("Contract"), "ring", "calm"),
        "other": Look(_("Other document"), "ring", "calm"),
    }


def _reviews() -> dict[str, Look]:
    return {
        "invited": Look(_("invited"), "send", "wait"),
        "accepted": Look(_("being written"), "pencil", "busy"),
        "declined": Look(_("declined"), "cross", "calm"),
        "conflicted": Look(_("conflict of interest"), "warning", "bad"),
        "called_off": Look(_("called off"), "stop", "calm"),
        "submitted": Look(_("submitted"), "check", "good"),
        "recused": Look(_("not counted"), "warning", "bad"),
    }


def _reports() -> dict[str, Look]:
    return {
        "draft": Look(_("to be written"), "pencil", "wait"),
        "handed_in": Look(_("handed in"), "send", "busy"),
        "returned": Look(_("to be mended"), "pencil", "wait"),
        "accepted": Look(_("accepted"), "check", "good"),
        "waived": Look(_("waived"), "stop", "calm"),
    }


def _appeals() -> dict[str, Look]:
    return {
        "filed": Look(_("being looked at"), "clock", "busy"),
        "upheld": Look(_("decision taken back"), "check", "good"),
        "rejected": Look(_("decision stands"), "stop", "calm"),
    }


def _changes() -> dict[str, Look]:
    return {
        "pending": Look(_("waits for an answer"), "clock", "busy"),
        "approved": Look(_("given"), "check", "good"),
        "declined": Look(_("declined"), "cross", "bad"),
        "withdrawn": Look(_("withdrawn"), "back", "calm"),
    }


def _messages() -> dict[str, Look]:
    return {
        "queued": Look(_("waits to be sent"), "clock", "wait"),
        "sent": Look(_("sent"), "check", "good"),
        "lapsed": Look(_("not sent: it was over"), "stop", "calm"),
        "given_up": Look(_("not delivered"), "cross", "bad"),
    }


def _steps() -> dict[str, Look]:
    return {
        "technical_assessment": Look(_("Technical check"), "clock", "busy"),
        "expert_review": Look(_("Reviews"), "pencil", "busy"),
        "panel": Look(_("Panel"), "ring", "busy"),
        "decision": Look(_("Decision"), "check", "busy"),
        "later": Look(_("comes later"), "clock", "calm"),
        "current": Look(_("now"), "run", "busy"),
        "done": Look(_("done"), "check", "good"),
        "left_out": Look(_("left out"), "cross", "calm"),
    }


def _roles() -> dict[str, Look]:
    return {
        "applicant": Look(_("applicant"), "leaf", "calm"),
        "reviewer": Look(_("reviewer"), "pencil", "calm"),
        "operator": Look(_("operator"), "run", "calm"),
        "programme_officer": Look(_("programme officer"), "check", "calm"),
        "auditor": Look(_("auditor"), "key", "calm"),
        "administrator": Look(_("administrator"), "key", "calm"),
    }


def _methods() -> dict[str, Look]:
    return {
        "measured": Look(_("measured"), "check", "good"),
        "metered": Look(_("measured"), "check", "good"),
        "estimated": Look(_("estimated"), "question", "wait"),
        # and what it covers
        "cpu": Look(_("the processors alone"), "question", "wait"),
        "gpu": Look(_("the GPUs alone"), "question", "wait"),
        "node": Look(_("whole nodes"), "check", "good"),
        "host": Look(_("nodes without their GPUs"), "question", "wait"),
    }


def _budgets() -> dict[str, Look]:
    return {
        "available": Look(_("available"), "check", "good"),
        "held": Look(_("held for jobs"), "clock", "wait"),
        "consumed": Look(_("used"), "ring", "calm"),
        "expired": Look(_("expired"), "stop", "calm"),
    }


def _shares() -> dict[str, Look]:
    return {
        "union": Look(_("share of the European Union"), "ring", "calm"),
        "national": Look(_("national share"), "ring", "calm"),
    }


def _calls() -> dict[str, Look]:
    return {
        "scheduled": Look(_("opens later"), "clock", "wait"),
        "open": Look(_("open"), "run", "busy"),
        "closed": Look(_("closed"), "stop", "calm"),
    }


# What a mode chooses between: words alone, shown without shape and colour.
def _choices_of_modes() -> dict[str, dict[str, str]]:
    return {
        "route": {
            "industrial_innovation": _("innovation of enterprises"),
            "ai_for_science": _("science and the public sector"),
            "commercial": _("commercial use"),
        },
        "experience": {
            "new": _("none"),
            "familiar": _("familiar with supercomputers"),
            "ready_for_review": _("ready for peer review"),
        },
        "price": {"free": _("free of charge"), "paid": _("paid by the hour")},
        "unit": {"gpu_seconds": _("GPU-hours"), "node_seconds": _("node-hours")},
        "calendar": {"always_open": _("always open"), "cut_offs": _("with cut-offs")},
        "selection": {
            "first_come": _("in order of arrival, after a technical check"),
            "peer_review": _("by peer review"),
        },
    }


def _words_of_mode(kind: str) -> Callable[[], dict[str, Look]]:
    return lambda: {
        state: Look(word, "ring", "calm") for state, word in _choices_of_modes()[kind].items()
    }


def _reservations() -> dict[str, Look]:
    return {
        "announced": Look(_("announced"), "clock", "wait"),
        "open": Look(_("open"), "run", "busy"),
        "over": Look(_("over"), "check", "calm"),
        "cancelled": Look(_("cancelled"), "stop", "calm"),
    }


def _impacts() -> dict[str, Look]:
    return {
        "down": Look(_("nothing runs"), "stop", "bad"),
        "degraded": Look(_("runs with less"), "warning", "wait"),
        "over": Look(_("over"), "check", "calm"),
    }


def _nodes() -> dict[str, Look]:
    return {
        "idle": Look(_("free"), "ring", "calm"),
        "busy": Look(_("works"), "run", "busy"),
        "draining": Look(_("finishes its work"), "clock", "wait"),
        "drained": Look(_("out of service"), "stop", "calm"),
        "down": Look(_("does not answer"), "warning", "bad"),
    }


def _usages() -> dict[str, Look]:
    return {
        "running": Look(_("runs, charged at its end"), "run", "busy"),
        "settling": Look(_("about to be charged"), "clock", "busy"),
        "charged": Look(_("charged"), "check", "good"),
        "unknown_account": Look(_("its account is no project"), "question", "bad"),
        "unknown_partition": Look(_("its partition is none of ours"), "question", "bad"),
        "no_time": Look(_("the project has no time there"), "warning", "bad"),
        "before_begin": Look(_("before the project began"), "warning", "bad"),
    }


def _causes() -> dict[str, Look]:
    return {
        **_usages(),
        "not_collected": Look(_("not read yet"), "clock", "wait"),
        "changed": Look(_("changed in Slurm since it was read"), "pencil", "wait"),
        "refunded": Look(_("charged and given back"), "back", "calm"),
        "not_in_slurm": Look(_("charged, and Slurm does not know it"), "question", "wait"),
        "unexplained": Look(_("nothing explains it"), "cross", "bad"),
    }


def _transfers() -> dict[str, Look]:
    return {
        "post": Look(_("charged from what was held"), "check", "calm"),
        "overrun": Look(_("charged beyond what was held"), "plus", "calm"),
        "charge": Look(_("charged"), "check", "calm"),
        "uncharge": Look(_("charge taken back"), "back", "calm"),
        "refund": Look(_("given back"), "back", "calm"),
        "unrefund": Look(_("refund taken back"), "back", "calm"),
    }


def _reservation_kinds() -> dict[str, Look]:
    return {
        "maintenance": Look(_("Out of service"), "warning", "calm"),
        "power_cap": Look(_("Cap on power"), "warning", "calm"),
        "project": Look(_("For a project"), "leaf", "calm"),
    }


def _relations() -> dict[str, Look]:
    return {
        "own": Look(_("counts whole"), "check", "good"),
        "linked": Look(_("linked, counts whole"), "check", "busy"),
        "partner": Look(_("partner, counts in part"), "ring", "wait"),
        "investor": Look(_("investor, does not count"), "leaf", "calm"),
        "apart": Look(_("does not count"), "leaf", "calm"),
    }


def _sizes() -> dict[str, Look]:
    return {
        "micro": Look(_("micro enterprise"), "check", "good"),
        "small": Look(_("small enterprise"), "check", "good"),
        "medium": Look(_("medium-sized enterprise"), "check", "good"),
        "small_mid_cap": Look(_("small mid-cap, no SME"), "ring", "calm"),
        "large": Look(_("large enterprise, no SME"), "ring", "calm"),
        "unresolved": Look(_("not known yet"), "question", "wait"),
    }


def _visibilities() -> dict[str, Look]:
    return {
        "project": Look(_("its project"), "ring", "calm"),
        "factory": Look(_("everybody signed in"), "check", "busy"),
        "public": Look(_("everybody"), "check", "good"),
    }


def _agreements() -> dict[str, Look]:
    return {
        "agree": Look(_("agree within 30 %"), "check", "good"),
        "differ": Look(_("differ by more than 30 %"), "warning", "bad"),
        "not measured": Look(_("cannot be compared"), "question", "calm"),
    }


KINDS = {
    "visibility": _visibilities,
    "agreement": _agreements,
    "call": _calls,
    **{
        kind: _words_of_mode(kind)
        for kind in ("route", "experience", "price", "unit", "calendar", "selection")
    },
    "relation": _relations,
    "policy_change": _policy_changes,
    "size": _sizes,
    "agent": _agents,
    "reservation": _reservations,
    "reservation_kind": _reservation_kinds,
    "node": _nodes,
    "usage": _usages,
    "cause": _causes,
    "transfer": _transfers,
    "impact": _impacts,
    "budget": _budgets,
    "share": _shares,
    "job": _jobs,
    "application": _applications,
    "project": _projects,
    "verdict": _verdicts,
    "partition": _partitions,
    "task": _tasks,
    "document": _documents,
    "role": _roles,
    "appeal": _appeals,
    "report": _reports,
    "change": _changes,
    "message": _messages,
    "review": _reviews,
    "step": _steps,
    "method": _methods,
}
