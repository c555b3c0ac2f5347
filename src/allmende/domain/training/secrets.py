"""Secrets of a project, by name: a job file names them, and never says their values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allmende.domain.basics.refusals import Refusal
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
            hint = did_you_mean(name, sorted(known))
            raise NoSuchSecret(project=project_id, name=name, hint=hint)


def read_secrets(top: Fields) -> tuple[str, ...]:
    """Return the names of secrets in a job file, each once.

    They are a list, or as in SkyPilot keys without values. A value that stands there by mistake
    is never repeated: what is said about it may be kept.
    """
    given = top.values.get("envs")
    envs, found = given if isinstance(given, Mapping) else {}, []
    value = top.get("secrets")
    for item in _list_names(value) if isinstance(value, Mapping) else top.items("secrets"):
        name, has_value = _part(item)
        if has_value:
            top.find(
                "secrets",
                "{key}: the value of {value} does not belong here. Set it once with allmende "
                "secret set, and write its name alone.",
                value=name[:64],
            )
        elif not is_name(name):
            top.find("secrets", "{key}: {value} is no name of a secret.", value=name[:80])
        elif name in envs:
            top.find("secrets", "{key}: {value} stands under envs as well.", value=name)
        found.append(name)
    return tuple(dict.fromkeys(found))


def _list_names(value: Mapping[Any, Any]) -> list[Any]:
    return [name if each is None else {name: each} for name, each in value.items()]


def _part(item: object) -> tuple[str, bool]:
    """Return the name of a secret, and whether a value stands beside it."""
    if isinstance(item, Mapping):
        return ", ".join(map(str, item)), True
    name, sign, _ = str(item).partition("=")
    return name, bool(sign)
