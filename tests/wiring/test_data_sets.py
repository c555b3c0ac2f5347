"""The catalogue of data sets is read whole, or refused with file, line and key."""

import pytest

from allmende.domain.scheduling.backends import Launch
from allmende.wiring import home, machines
from allmende.wiring.configuration import ConfigurationMistake
from allmende.wiring.data_sets import load_data_sets
from tests.backends.contract import a_launch

ENTRY = """[[data]]
id = "roads"
version = "2026-11"
title = { en = "Roads", de = "Straßen" }
licence = "CC-BY-4.0"
origin = "a survey"
data_class = "public"
personal_data = false
folders.werkstatt = "/srv/roads"
"""


@pytest.fixture
def read(tmp_path):
    """Return what reads a catalogue beside the shipped factory."""
    factory = (home.PROJECT / "config/factory.toml").read_text()
    numbers = iter(range(99))

    def read_text(text: str | None, *, change: tuple[str, str] = ("", "")):
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        (folder / "factory.toml").write_text(factory.replace(*change, 1))
        if text is not None:
            (folder / "data.toml").write_text(text)
        return load_data_sets(folder)

    return read_text


def test_the_shipped_catalogue_explains_itself_and_is_empty(read):
    shipped = (home.PROJECT / "config/data.toml").read_text()
    assert read(shipped) == {} == read(None)
    lines = (line.removeprefix("#").strip() for line in shipped.splitlines()[5:])
    (found,) = read("\n".join(lines)).values()
    assert found.folders == {"werkstatt": "/srv/data/roads"}


def test_a_data_set_says_what_it_is_and_where_it_lies(read):
    roads = read(ENTRY)["roads"]
    assert (roads.uri, roads.title.de) == ("allmende:roads@2026-11", "Straßen")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"roads"', '"Roads"', "is no name of small letters"),
        ('"2026-11"', '"one two"', "is no version"),
        ("= false", "= true", "personal data are personal or health"),
        ('"public"', '"secret"', "Input should be"),
        ("werkstatt", "atlantis", "no site atlantis in factory.toml"),
        ('"/srv/roads"', '"srv"', "write the whole path"),
        ('"/srv/roads"', '""', "write the whole path"),
        ("licence", "license", 'did you mean "licence"?'),
        ("[[data]]", "[[dates]]", "this file holds [[data]]"),
        ("[[data]]", "[data]", "write it as [[data]]"),
        ("[[data]]", ENTRY + "[[data]]", "there is already a data set roads"),
    ],
)
def test_a_mistake_is_told_with_its_place(read, old, new, words):
    with pytest.raises(ConfigurationMistake, match=r"data\.toml, line \d+") as refused:
        read(ENTRY.replace(old, new, 1))
    assert words in str(refused.value)


PLACE = 'hosting_entity = "this machine"\ncountry = "'
SITE = 'id = "werkstatt"\n'


def test_only_a_site_with_an_agent_may_keep_its_folder_to_itself(read):
    found = read(ENTRY.replace("/srv/roads", ""), change=(SITE, SITE + "agent = true\n"))
    assert found["roads"].folders == {"werkstatt": ""}


def test_health_data_lie_only_where_they_may_be(read):
    entry = ENTRY.replace('"public"', '"health"')
    with pytest.raises(ConfigurationMistake, match="data of class health may not be in US"):
        read(entry, change=(f"{PLACE}DE", f"{PLACE}US"))


def test_the_nodes_of_a_cluster_must_see_the_folder(read):
    cluster = 'slurm = { cluster = "lab", work_folder = "/srv/roads-work"'
    with pytest.raises(ConfigurationMistake, match="do not see it"):
        read(ENTRY, change=(SITE, SITE + cluster + " }\n"))
    shared = cluster + ', shared_folders = ["/srv/roads"] }\n'
    assert read(ENTRY, change=(SITE, SITE + shared))


def test_an_agent_finds_only_what_its_own_configuration_names(read, monkeypatch):
    found = read(ENTRY)
    monkeypatch.setattr(machines, "load_data_sets", lambda: found)

    def told(uri: str) -> Launch:
        return a_launch(environment={"ALLMENDE_DATA": f"allmende-data:{uri}"})

    places = machines.places(told("roads@2026-11"), site_id="werkstatt")
    assert places == {"allmende-data:roads@2026-11": "/srv/roads"}
    for uri, site_id in (("roads@1", "werkstatt"), ("x@1", "werkstatt"), ("roads@2026-11", "b")):
        with pytest.raises(machines.DataUnknownHere):
            machines.places(told(uri), site_id=site_id)
