"""What is wrong with a ledger, as values: one bad line does not hide the next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from allmende.domain.accounting.ledger import (
    CLOSING_KINDS,
    CORRECTABLE_KINDS,
    FACT_KINDS,
    Account,
    AccountKind,
    Transfer,
    TransferKind,
    is_on_its_route,
)
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that the ledger breaks, and where."""

    rule: str
    subject: str
    sentence: Sentence


@dataclass
class _OpenHold:
    held_account_id: str
    held_seconds: int
    closed_seconds: int = 0


@dataclass
class _Replay:
    """The ledger played once more from its first transfer, noting what does not fit."""

    accounts: Mapping[str, Account]
    balances: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    holds: dict[str, _OpenHold] = field(default_factory=dict)
    correctable: dict[str, Transfer] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def note(self, rule: str, subject: str, sentence: Sentence) -> None:
        self.findings.append(Finding(rule=rule, subject=subject, sentence=sentence))

    def play(self, transfer: Transfer) -> None:
        if transfer.id in self.seen:
            self.note("doubled", transfer.id, Sentence("The id is in the ledger twice."))
        self.seen.add(transfer.id)
        self._play_accounts(transfer)
        self._play_hold(transfer)
        self._play_correction(transfer)

    def _play_accounts(self, transfer: Transfer) -> None:
        amount = transfer.amount_seconds
        left = self._change(transfer.debit_account_id, -amount)
        self._change(transfer.credit_account_id, amount)
        debit = self.accounts.get(transfer.debit_account_id)
        credit = self.accounts.get(transfer.credit_account_id)
        if debit is None or credit is None:
            missing = transfer.debit_account_id if debit is None else transfer.credit_account_id
            self.note(
                "unknown_account",
                transfer.id,
                Sentence("There is no account {account}.", {"account": missing}),
            )
            return
        if debit.unit is not credit.unit:
            self.note("mixed_units", transfer.id, Sentence("The two accounts count other units."))
        if not is_on_its_route(transfer, debit, credit):
            self.note(
                "wrong_route",
                transfer.id,
                Sentence(
                    "A transfer of the kind {kind} does not run from {debit} to {credit}.",
                    {
                        "kind": transfer.kind.value,
                        "debit": debit.kind.value,
                        "credit": credit.kind.value,
                    },
                ),
            )
        if transfer.kind not in FACT_KINDS and not debit.allows(left):
            self.note(
                "overdrawn",
                transfer.id,
                Sentence(
                    "It takes {account} to {balance} s, which its policy does not allow.",
                    {"account": debit.id, "balance": left},
                ),
            )

    def _change(self, account_id: str, seconds: int) -> int:
        self.balances[account_id] = self.balances.get(account_id, 0) + seconds
        return self.balances[account_id]

    def _play_hold(self, transfer: Transfer) -> None:
        if transfer.kind is TransferKind.HOLD:
            if transfer.hold_id in self.holds:
                self.note("held_twice", transfer.id, Sentence("The hold was made before."))
                return
            self.holds[transfer.hold_id] = _OpenHold(
                transfer.credit_account_id, transfer.amount_seconds
            )
        elif transfer.kind in CLOSING_KINDS:
            opened = self.holds.get(transfer.hold_id)
            if opened is None or opened.held_account_id != transfer.debit_account_id:
                self.note(
                    "no_such_hold", transfer.id, Sentence("It closes no hold of its account.")
                )
                return
            opened.closed_seconds += transfer.amount_seconds
        elif transfer.kind is TransferKind.OVERRUN and transfer.hold_id not in self.holds:
            self.note("no_such_hold", transfer.id, Sentence("It overruns no hold."))

    def _play_correction(self, transfer: Transfer) -> None:
        if transfer.kind in CORRECTABLE_KINDS:
            self.correctable[transfer.id] = transfer
        elif transfer.kind is TransferKind.CORRECTION:
            original = self.correctable.get(transfer.corrects_id)
            if original is None or not _is_counter(transfer, original):
                self.note(
                    "no_such_original", transfer.id, Sentence("It reverses no earlier transfer.")
                )
            elif original.id in self.corrected:
                self.note("corrected_twice", transfer.id, Sentence("It was corrected before."))
            self.corrected.add(transfer.corrects_id)

    def finish(self, cached: Mapping[str, int]) -> None:
        self._finish_holds()
        for account_id in sorted(self.balances.keys() | cached.keys()):
            expected, found = self.balances.get(account_id, 0), cached.get(account_id, 0)
            if expected != found:
                self.note(
                    "balance_differs",
                    account_id,
                    Sentence(
                        "The transfers make {expected} s, the balance says {found} s.",
                        {"expected": expected, "found": found},
                    ),
                )
        for unit in TimeUnit:
            ids = [account.id for account in self.accounts.values() if account.unit is unit]
            total = sum(cached.get(account_id, 0) for account_id in ids)
            if total:
                self.note(
                    "not_balanced",
                    unit.value,
                    Sentence("All balances sum to {total} s instead of zero.", {"total": total}),
                )

    def _finish_holds(self) -> None:
        open_seconds: dict[str, int] = {}
        for hold_id, opened in self.holds.items():
            if opened.closed_seconds not in (0, opened.held_seconds):
                self.note(
                    "not_closed_exactly",
                    hold_id,
                    Sentence(
                        "{held} s were held, but {closed} s were taken out.",
                        {"held": opened.held_seconds, "closed": opened.closed_seconds},
                    ),
                )
            if not opened.closed_seconds:
                account_id = opened.held_account_id
                open_seconds[account_id] = open_seconds.get(account_id, 0) + opened.held_seconds
        for account in self.accounts.values():
            expected = open_seconds.get(account.id, 0)
            found = self.balances.get(account.id, 0)
            if account.kind is AccountKind.HELD and expected != found:
                self.note(
                    "held_differs",
                    account.id,
                    Sentence(
                        "Open holds make {expected} s, the account has {found} s.",
                        {"expected": expected, "found": found},
                    ),
                )


def check_ledger(
    accounts: Iterable[Account], transfers: Iterable[Transfer], balances: Mapping[str, int]
) -> list[Finding]:
    """Replay the transfers in the order of the ledger and compare; an empty list is a clean one."""
    replay = _Replay(accounts={account.id: account for account in accounts})
    for transfer in transfers:
        replay.play(transfer)
    replay.finish(balances)
    return replay.findings


def _is_counter(correction: Transfer, original: Transfer) -> bool:
    return (
        correction.debit_account_id == original.credit_account_id
        and correction.credit_account_id == original.debit_account_id
        and correction.amount_seconds == original.amount_seconds
    )
