"""The policy of a Slurm cluster: what would change, change it, what others changed."""

from collections.abc import Sequence
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.slurm_policies import Change, ChangeKind
from allmende.services import slurm_policies
from allmende.services.slurm_policies import PolicyPlan
from allmende.wiring import languages
from allmende.wiring.clusters import policy_keeper_of
from allmende.wiring.factory import load_factory

# A sign for those who see no colours.
SIGNS = {
    ChangeKind.ADD: ("+", "green"),
    ChangeKind.CHANGE: ("~", "yellow"),
    ChangeKind.CLOSE: ("x", "red"),
    ChangeKind.REMOVE: ("-", "red"),
}


def plan(site_id: str, json: AsJson = False) -> None:
    """Show what applying the policy would change on a site's cluster: exit code 6 if anything."""
    found = _plan(site_id)
    if json:
        show(_to_json(found), json=True)
    else:
        _show_plan(found)
    _leave_by(found.changes)


def apply(
    site_id: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before.")] = False,
    json: AsJson = False,
) -> None:
    """Make a site's cluster what the policy wants; killed half way, call it again."""
    seen = _plan(site_id)
    if not yes:
        if json:
            problem = Sentence("a program has to give it, for nobody is there to be asked.")
            raise InvalidInput(field="--yes", problem=problem)
        _show_plan(seen)
        if not seen.changes:
            return
        typer.confirm(languages.translate(Sentence("Make these changes?")), abort=True)
    done = slurm_policies.apply_policy(
        acting_deed,
        site_id,
        keeper_of=policy_keeper_of,
        factory=load_factory(),
        digest="" if yes else seen.digest,
    )
    if json:
        show(_to_json(done), json=True)
    else:
        say(Sentence("Changes made: {count}.", {"count": len(done.changes)}), style="bold")


def find_drift(site_id: str, json: AsJson = False) -> None:
    """Show what others changed since the policy was applied: exit code 6 if anything."""
    drift = slurm_policies.find_drift(
        acting_person(), site_id, keeper_of=policy_keeper_of, factory=load_factory()
    )
    if json:
        facts = {"site_id": site_id, "applied_at": drift.applied_at}
        show({**facts, "changes": [_change_to_json(each) for each in drift.changes]}, json=True)
    elif drift.applied_at is None:
        say(Sentence("Policy was never applied here."))
    else:
        _show_changes(drift.changes)
        if not drift.changes:
            since = {"at": drift.applied_at}
            say(Sentence("Nothing was changed by hand since {at}.", since), style="green")
    _leave_by(drift.changes)


def _plan(site_id: str) -> PolicyPlan:
    return slurm_policies.plan_policy(
        acting_person(),
        site_id,
        keeper_of=policy_keeper_of,
        factory=load_factory(),
        now=wiring.now(),
    )


def _leave_by(changes: Sequence[Change]) -> None:
    if changes:
        raise typer.Exit(ExitCode.DIFFERENT)


def _show_plan(found: PolicyPlan) -> None:
    for sentence in found.shortcomings:
        say(f"! {languages.translate(sentence)}", style="bold yellow")
    for outsider in found.outsiders:
        facts = {"person": outsider.person_id, "project": outsider.project_id}
        without = Sentence("{person} works in {project} and has no account there.", facts)
        say(f"! {languages.translate(without)}")
    _show_changes(found.changes)
    if found.changes:
        say(Sentence("Changes to make: {count}.", {"count": len(found.changes)}))
    else:
        say(Sentence("The cluster is as it shall be."), style="green")


def _show_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        sign, style = SIGNS[change.kind]
        say(f"{sign} {languages.translate(change.key.words)}", style=style)
        for name, before, after in change.list_settings():
            arrow = after if not change.before else f"{before or '-'} -> {after or '-'}"
            say(f"    {name}: {arrow}", style="dim")


def _to_json(found: PolicyPlan) -> dict[str, object]:
    return {
        "site_id": found.site_id,
        "changes": [_change_to_json(each) for each in found.changes],
        "shortcomings": found.shortcomings,
        "outsiders": found.outsiders,
    }


def _change_to_json(change: Change) -> dict[str, object]:
    facts = {"kind": change.kind, "item": change.key.text}
    return {**facts, "before": change.before, "after": change.after}
