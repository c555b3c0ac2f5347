"""What the API offers, read from its own description: for the page and for the handbook."""

from collections.abc import Iterator
from dataclasses import dataclass

from ninja import NinjaAPI

from allmende.domain.trust.permissions import PUBLIC_PERMISSIONS, Permission
from allmende.domain.trust.tokens import SCOPES, Scope


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call: what it does, and what it takes."""

    method: str
    path: str
    sentence: str
    permission: Permission
    noun: str

    @property
    def is_public(self) -> bool:
        """Say whether nobody needs to sign in for it."""
        return self.permission in PUBLIC_PERMISSIONS

    @property
    def scope(self) -> Scope | None:
        """Return the narrowest scope of a token that may call it, None when no token may."""
        return next((scope for scope in Scope if self.permission in SCOPES[scope]), None)


def list_operations(api: NinjaAPI) -> list[tuple[str, list[Operation]]]:
    """Return the operations by noun, in the order of the routers."""
    nouns: dict[str, list[Operation]] = {}
    for operation in _operations(api):
        nouns.setdefault(operation.noun, []).append(operation)
    return list(nouns.items())


def _operations(api: NinjaAPI) -> Iterator[Operation]:
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, description in methods.items():
            yield Operation(
                method=method.upper(),
                path=path,
                sentence=" ".join(description["description"].split()),
                permission=Permission(description["x-permission"]),
                noun=description["tags"][0],
            )
