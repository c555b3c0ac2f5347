"""The pages of nodes: what an operator sees and does, in a browser without scripts."""

import pytest
from django.test import Client

from allmende.storage import people as people_store
from tests.web.world import build_world

pytestmark = pytest.mark.django_db
PAGE = "/nodes/werkbank/werkbank-03"


@pytest.fixture
def operator() -> Client:
    world = build_world()
    browser = Client()
    person = world.people["operator"]
    browser.force_login(people_store.PersonRow.objects.get(id=person.id).login)
    return browser


def test_an_operator_drains_a_node_and_puts_it_back(operator: Client):
    assert "Nodes that stay in service: 5." in operator.get(PAGE).content.decode()
    assert operator.post(PAGE, {"reason": " "}).status_code == 422
    assert operator.post(PAGE, {"reason": "A fan rattles."}).status_code == 302
    listed = operator.get("/nodes/werkbank").content.decode()
    assert "A fan rattles." in listed
    assert (
        "1 node is out of service until further notice." in operator.get("/sites").content.decode()
    )
    assert "This node gets nothing new." in operator.get(PAGE).content.decode()
    assert operator.post(f"{PAGE}/resume").status_code == 302
    assert "A fan rattles." not in operator.get("/nodes/werkbank").content.decode()
    assert operator.get("/nodes/werkbank/werkbank-07").status_code == 404
