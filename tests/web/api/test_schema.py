"""Whatever fits the published description, and much that does not, never breaks the API."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from allmende.domain.basics.people import Role
from allmende.domain.trust.tokens import Scope
from tests.trials import IS_LONG
from tests.web.api.conftest import a_token
from tests.web.world import build_world, register

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# A document and a folder of code are sent as they are.
for sort in ("pdf", "x-tar"):
    schemathesis.serializer.alias(f"application/{sort}", "application/octet-stream")

# Nobody is a reviewer and of the office at once: two people call every operation between them.
EVERY_ROLE = [role for role in Role if role not in (Role.SYSTEM, Role.REVIEWER)]


def describe(*roles):
    """Return the API's description, with somebody of these roles calling it."""
    build_world()
    secret = a_token(register("everybody", *roles), Scope.MANAGE)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    schema.config.update(headers={"Authorization": f"Bearer {secret}"})
    return schema


def test_no_request_breaks_the_api():
    assert _try_all(describe(*EVERY_ROLE)) > 60


def test_no_request_of_a_reviewer_breaks_the_api():
    reviews = describe(Role.REVIEWER).include(path_regex=r"/review(s|ers/me)(/|$)")
    assert _try_all(reviews) > 8


def _try_all(description):
    tried = 0
    for result in description.get_all_operations():
        tried += 1
        strategy = result.ok().as_strategy(generation_mode=GenerationMode.POSITIVE)
        _probe(strategy | result.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE))
    return tried


def _probe(strategy):
    @settings(
        max_examples=5 if IS_LONG else 3,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def probe(case):
        case.call_and_validate(checks=[not_a_server_error])

    probe()
