"""A cluster account: the user name that a person has at a site; their jobs run under it there."""

import re
from dataclasses import dataclass

from allmende.domain.basics.refusals import Refusal

# As useradd has it; sacctmgr folds case, and squeue would cut a longer one off.
USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
# Jobs of these would own the nodes, or the cluster itself.
PRIVILEGED = frozenset({"root", "slurm", "munge", "mysql", "daemon", "nobody"})


class UserNameIsWrong(Refusal):
    """{user_name} is no user name. It has up to 32 small letters, digits, _ and -, and begins with
    a letter or _."""

    status = 422


class UserNameIsPrivileged(Refusal):
    """No person's jobs run as {user_name}: that account belongs to the machines. Choose the account
    that the person signs in with at the site."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class ClusterAccount:
    """Which person is which user at a site; each person has one, and each user is one person."""

    site_id: str
    person_id: str
    user_name: str

    @property
    def key(self) -> str:
        """Return what names it in the audit chain."""
        return f"{self.site_id}:{self.person_id}"


def check_user_name(user_name: str) -> None:
    """Refuse what POSIX would not have as a user name, and accounts that are nobody's own."""
    if not USER_NAME.fullmatch(user_name):
        raise UserNameIsWrong(user_name=user_name)
    if user_name in PRIVILEGED:
        raise UserNameIsPrivileged(user_name=user_name)
