"""Who may call an operation: each one names the permission that it takes."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from allmende import wiring
from allmende.domain.basics.people import PUBLIC, Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.permissions import PUBLIC_PERMISSIONS, Permission, check_permission
from allmende.domain.trust.tokens import check_scope
from allmende.services import tokens
from allmende.services.deeds import Deed
from allmende.web.acting import get_person

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class SignInFirst(Refusal):
    """This takes somebody who is signed in. Send the header "Authorization: Bearer" and a token."""

    status = 401


class FormIsStale(Refusal):
    """A browser must send the header X-CSRFToken with this. Programs send a token instead."""

    status = 403


class Bearer(AuthBase):
    """Lets a person pass who has the permission, by a token or by the portal's session."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, permission: Permission) -> None:
        super().__init__()
        self.permission = permission

    def __call__(self, request: HttpRequest) -> Person:
        """Return the person who passes."""
        person = self._identify(request)
        if person is PUBLIC and self.permission not in PUBLIC_PERMISSIONS:
            raise SignInFirst
        check_permission(person, self.permission)
        return person

    def _identify(self, request: HttpRequest) -> Person:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                raise SignInFirst
            person, token = tokens.identify(secret.strip(), now=wiring.now())
            check_scope(token, self.permission)
            return person
        person = get_person(request)
        if person is not PUBLIC and request.method not in SAFE_METHODS and check_csrf(request):
            raise FormIsStale
        return person


def takes(permission: Permission) -> dict[str, Any]:
    """Return what an operation declares: the permission, and it in words for the reference."""
    return {
        "auth": Bearer(permission),
        "openapi_extra": {"x-permission": permission.value, "responses": PROBLEM_RESPONSES},
    }


def get_actor(request: HttpRequest) -> Person:
    """Return the person who passed."""
    return request.auth  # type: ignore[attr-defined,no-any-return]


def begin_deed(request: HttpRequest) -> Deed:
    """Return a deed of the person who passed, at this instant."""
    return wiring.deed_of(get_actor(request))


def permission_of(auth_callbacks: list[Callable[..., Any]]) -> Permission | None:
    """Return the permission that an operation names, None when it names none."""
    for callback in auth_callbacks:
        if isinstance(callback, Bearer):
            return callback.permission
    return None


PROBLEM_RESPONSES = {
    code: {
        "description": text,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for code, text in {
        400: "The request cannot be read.",
        401: "Nobody is signed in, or the token does not work.",
        403: "The person or the token may not do this.",
        404: "There is no such thing, or it belongs to others.",
        409: "The state of things does not allow it.",
        413: "The request is too large.",
        422: "Something in the request does not fit.",
    }.items()
}
