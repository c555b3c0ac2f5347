"""What a site lets be done to its cluster, whoever asks: only what its own configuration calls
ours. Its agent asks here before it runs an errand, so that a centre in wrong hands gets no further.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.policy_demands import ASKED
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    Change,
    ChangeKind,
    ClusterState,
    ItemKey,
    ItemKind,
    Policy,
    Realm,
    Settings,
    list_own_accounts,
    qos_key,
)
from allmende.domain.scheduling.steering import Level

# One name, never a list of them nor a pattern.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")
# All that is told of what is not ours: enough to see that a name is taken.
TOLD_OF_OTHERS = {ItemKind.ACCOUNT: "Parent", ItemKind.QOS: "Description"}


class BeyondOurs(Refusal):
    """The site lets nobody change {what} from the centre: its own configuration does not name it
    as ours."""

    status = 403


def check_change(
    change: Change, actual: Policy, ours: Realm, *, partitions: Collection[str]
) -> None:
    """Refuse a change that reaches beyond what is ours; `partitions` are ours on the cluster."""
    key = change.key
    own = {ours.root_account, *list_own_accounts(actual, ours.root_account)}
    allowed = {
        ItemKind.ACCOUNT: _may_change_account,
        ItemKind.USER: _may_change_user,
        ItemKind.QOS: _may_change_qos,
    }[key.kind]
    is_right = (
        change.kind is not ChangeKind.REMOVE
        and change.after.keys() | change.before.keys() <= key.kind.defaults.keys()
        and (key in actual or _is_named_well(key))
        and (change.kind is not ChangeKind.ADD or not _is_known_otherwise(key, actual))
        and _are_our_qos(_list_qos(change.after), actual, ours)
        and allowed(change, actual, ours, own=own, partitions=partitions)
    )
    if not is_right:
        raise BeyondOurs(what=key.words)


def check_levels(levels: Sequence[Level], *, groups: Collection[str]) -> None:
    """Refuse levels of a group that the site's own configuration does not give the partition."""
    for level in levels:
        for name in (level.group_id, *level.may_stop):
            if name not in groups:
                raise BeyondOurs(what=qos_key(name).words)


def tell_ours(state: ClusterState, ours: Realm, *, partitions: Collection[str]) -> ClusterState:
    """Return what of a cluster's state concerns the centre: of others, names alone.

    `partitions` are those of the cluster on which the centre's jobs run.
    """
    own = {ours.root_account, *list_own_accounts(state.policy, ours.root_account)}

    def tell(key: ItemKey, settings: Settings) -> Settings:
        is_ours = _is_our_qos(key.name, state.policy, ours) if _is_qos(key) else key.name in own
        if is_ours or key.kind is ItemKind.USER:
            return settings
        name = TOLD_OF_OTHERS[key.kind]
        return {name: settings.get(name, "")}

    return replace(
        state,
        policy={
            key: tell(key, settings)
            for key, settings in state.policy.items()
            if key.kind is not ItemKind.USER or key.account in own
        },
        used_minutes={name: used for name, used in state.used_minutes.items() if name in own},
        configuration={name: value for name, value in state.configuration.items() if name in ASKED},
        longest_seconds={
            name: seconds for name, seconds in state.longest_seconds.items() if name in partitions
        },
    )


def _may_change_account(
    change: Change, actual: Policy, ours: Realm, *, own: Collection[str], **_: object
) -> bool:
    if change.key.name == ours.root_account:
        return change.kind is ChangeKind.ADD and not change.after
    is_there = change.key.name in own
    if change.key in actual and not is_there:
        return False
    return change.after.get("Parent", ours.root_account if is_there else "") in own


def _may_change_user(
    change: Change, _actual: Policy, _ours: Realm, *, own: Collection[str],
    partitions: Collection[str],
) -> bool:  # fmt: skip
    # What somebody else let in everywhere is closed, never made.
    is_closing = change.kind is not ChangeKind.ADD and change.after.items() <= ALL_CLOSED.items()
    return change.key.account in own and (change.key.partition in partitions or is_closing)


def _may_change_qos(change: Change, actual: Policy, ours: Realm, **_: object) -> bool:
    is_ours = change.key not in actual or _is_our_qos(change.key.name, actual, ours)
    mark = change.after.get("Description", ours.mark if change.key in actual else "")
    return is_ours and mark == ours.mark


def _list_qos(after: Settings) -> list[str]:
    named = (after.get(name, "") for name in ("QOS", "DefaultQOS", "Preempt"))
    return [each for names in named for each in names.split(",") if each]


def _are_our_qos(names: Iterable[str], actual: Policy, ours: Realm) -> bool:
    return all(_is_our_qos(name, actual, ours) for name in names)


def _is_our_qos(name: str, actual: Policy, ours: Realm) -> bool:
    return actual.get(qos_key(name), {}).get("Description") == ours.mark


def _is_qos(key: ItemKey) -> bool:
    return key.kind is ItemKind.QOS


def _is_named_well(key: ItemKey) -> bool:
    return all(map(PLAIN_NAME.fullmatch, (key.name, *filter(None, (key.account, key.partition)))))


def _is_known_otherwise(key: ItemKey, actual: Policy) -> bool:
    """Say whether Slurm, which writes such names small, has it under another spelling."""
    if key.kind is ItemKind.USER:
        return False
    spelt = {each.name.lower() for each in actual if each.kind is key.kind and each != key}
    return key.name.lower() in spelt
