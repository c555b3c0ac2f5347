"""A person acts in roles; what a role may do stands in `trust/permissions.py`."""

from dataclasses import dataclass
from enum import StrEnum

LANGUAGES = ("en", "de")


class Role(StrEnum):
    """What somebody is to the factory. Membership of a project is no role: it is a relation."""

    APPLICANT = "applicant"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    PROGRAMME_OFFICER = "programme_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who acts. The public has no roles; the daemon is `SYSTEM`."""

    id: str
    name: str
    email: str = ""
    roles: frozenset[Role] = frozenset()
    organisation_ids: frozenset[str] = frozenset()
    language: str = LANGUAGES[0]  # of letters and e-mails to them

    def has_role(self, *roles: Role) -> bool:
        """Say whether the person acts in at least one of the roles."""
        return not self.roles.isdisjoint(roles)


PUBLIC = Person(id="public", name="the public")
DAEMON = Person(id="daemon", name="the daemon", roles=frozenset({Role.SYSTEM}))
