"""Secrets of a project, by name: a job file names them, and never says their values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.fields import Fields, did_you_mean

NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,63}")
OURS = "ALLMENDE_"
MOST_SECRETS = 32  # of a project
LONGEST_BYTES = 32_768
# What a shell or a loader obeys before the job's own code does.
TAKEN = frozenset({"PATH", "HOME", "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV"})


class UnusableName(Refusal):
    """{name} cannot be the name of a secret: jobs get it as an environment variable. Take letters,
    digits and _, no digit first, at most 64; names with ALLMENDE_ and such as PATH are taken."""

    status = 422


class UnusableValue(Refusal):
    """This value cannot be kept. It has 1 to {most} bytes, and no character of the number 0."""

    status = 422


class TooManySecrets(Refusal):
    """The project has {most} secrets, and that is as many as there may be. Remove one first."""


class NoSuchSecret(Refusal):
    """The project {project} has no secret {name}. {hint} A member of the project sets it: allmende
    secret set {project} {name}"""

    status = 422


class SecretsStayHere(Refusal):
    """Secrets are not sent to {site}: its agent has named no key that they can be sealed for.
    Choose another partition, or ask the operators there to install this version of Allmende."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class SecretFacts:
    """What may be told of a secret: never what it is."""

    project_id: str
    name: str
    set_by: str  # a person's id
    set_at: datetime


def check_name(name: str) -> None:
    """Refuse what cannot be an environment variable of a job."""
    if not is_name(name):
        raise UnusableName(name=name)


def is_name(name: str) -> bool:
    """Say whether a secret may have this name."""
    return bool(NAME.fullmatch(name)) and not name.startswith(OURS) and name not in TAKEN


def check_value(value: str) -> None:
    """Refuse what no environment variable holds."""
    size = len(value.encode(errors="surrogatepass"))
    is_text = not any("\ud800" <= each <= "\udfff" for each in value)
    if not 0 < size <= LONGEST_BYTES or "\0" in value or not is_text:
        raise UnusableValue(most=LONGEST_BYTES)


def check_known(names: Collection[str], known: Collection[str], *, project_id: str) -> None:
    """Refuse a name that the project has no secret for."""
    for name in names:
        if name not in known:
            hint = did_you_mean(name, sorted(known)) if known else Sentence("")
            raise NoSuchSecret(project=project_id, name=name, hint=hint)


def read_secrets(top: Fields) -> tuple[str, ...]:
    """Return the names of secrets in a job file, each once."""
    given = top.values.get("envs")
    envs, found = given if isinstance(given, Mapping) else {}, []
    for item in top.items("secrets"):
        name = str(item)
        if not is_name(name):
            top.find("secrets", "{key}: {value} is no name of a secret.", value=name[:80])
        elif name in envs:
            top.find("secrets", "{key}: {value} stands under envs as well.", value=name)
        found.append(name)
    return tuple(dict.fromkeys(found))
