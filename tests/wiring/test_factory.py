"""The factory file: the shipped one is valid, and each mistake names its line and key."""

from fractions import Fraction
from pathlib import Path

import pytest

from allmende.wiring import home
from allmende.wiring.configuration import ConfigurationMistake
from allmende.wiring.factory import load_factory

SHIPPED = home.PROJECT / "config/factory.toml"


def test_the_shipped_factory_has_its_four_sites_and_one_partition_that_runs_jobs():
    factory = load_factory(SHIPPED)
    assert [site.name for site in factory.sites[:4]] == [
        "Jülich",
        "München",
        "Stuttgart",
        "Berlin",
    ]
    assert [p.id for p in factory.partitions if p.is_embedded] == ["werkbank"]
    assert factory.get_partition("jupiter-booster").nodes == 5938


def test_shares_are_exact_quarters_not_floats():
    werkbank = load_factory(SHIPPED).get_partition("werkbank")
    assert werkbank.get_group("sme").guarantee == Fraction(1, 4)
    assert werkbank.access_shares == {"union": Fraction(1, 2), "national": Fraction(1, 2)}


def test_a_partition_has_the_quota_styles_that_it_names():
    factory = load_factory(SHIPPED)
    shipped = [style.id for style in factory.quota_styles]
    assert shipped == ["juelich", "rwth", "leonardo", "jean-zay"]
    (style,) = factory.get_partition("jupiter-booster").quota_styles["every"]
    assert style.id == "juelich"
    assert factory.get_partition("werkbank").quota_styles == {}


def test_a_partition_keeps_the_clocks_of_its_site(tmp_path: Path):
    text = SHIPPED.read_text()
    file = tmp_path / "factory.toml"
    file.write_text(
        text.replace('focus = ["trying', 'time_zone = "Europe/Lisbon"\nfocus = ["trying')
    )
    partitions = {each.id: each for each in load_factory(file).partitions}
    assert partitions["werkbank"].time_zone == "Europe/Lisbon"
    assert partitions["hunter"].time_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("written", "mistake", "key", "problem"),
    [
        ("guarantee = 0.25 ", "garantee = 0.25 ", "garantee", 'did you mean "guarantee"?'),
        ("nodes = 6 ", 'nodes = "six" ', "nodes", "valid integer"),
        ("nodes = 6 ", "nodes = 3 ", "groups", "add up to 3.5 of 3 nodes"),
        ("nodes = 6 ", "nodes = 0 ", "nodes", "not between 1 and"),
        ("nodes = 6 ", "# nodes = 6 ", "nodes", "greater than 0"),
        ("nodes = 5938", "nodes = -1", "nodes", "not between 1 and"),
        ("guarantee = 0.25 ", "guarantee = nan ", "guarantee", "fraction"),
        ("guarantee = 0.25 ", "guarantee = -0.25 ", "guarantee", "not between 0 and 1"),
        ("widest_job_nodes = 1 ", "widest_job_nodes = -1 ", "widest_job_nodes", "-1 is not"),
        ("weight = 25", "weight = 0", "weight", "0 is not between 1 and"),
        ("union = 0.5", "union = inf", "union", "fraction"),
        ("union = 0.5\nnational = 0.5", "union = 1.5\nnational = -0.5", "access_shares", "0 or"),
        ("power_megawatts = 17.0", "power_megawatts = inf", "power_megawatts", "inf is not"),
        ("power_megawatts = 17.0", "groups = 5", "groups", "valid tuple"),
        ("latitude = 50.905", "latitude = 500", "latitude", "500 is not between -90 and 90"),
        ("longitude = 6.411", "longitude = nan", "longitude", "nan is not"),
        ('country = "DE"', 'country = "Germany"', "country", "no two-letter code"),
        ('countries = ["DE"]', 'countries = ["de"]', "countries", "no two-letter code"),
        ("grace_seconds = 5", "grace_seconds = -5", "grace_seconds", "-5 is not"),
        ("per_node = 1.0", "per_node = nan", "memory_gigabytes_per_node", "nan is not"),
        ("seconds = 20 ", "seconds = -20 ", "response_target_seconds", "-20 is not"),
        ("pue = 1.0 ", "pue = 0.5 ", "pue", "0.5 is not between 1 and"),
        ("pue = 1.0 ", 'preferred_hours = ["10-16"] ', "preferred_hours", "Write when it begins"),
        ("pue = 1.0 ", 'specialisations = ["Robotics"] ', "specialisations", "such as robotics"),
        (
            'focus = ["trying',
            'time_zone = "Mars"\nfocus = ["trying',
            "time_zone",
            "no time zone Mars",
        ),
        ("union = 0.5", "union = 0.6", "access_shares", "must add up to 1"),
        ("ceiling = 1.0", "ceiling = 1.5", "ceiling", "between 0 and 1"),
        ('id = "hunter"', 'id = "werkbank"', "id", "already a partition werkbank"),
        ('id = "muenchen"', 'id = "juelich"', "id", "already a site juelich"),
        ('status = "planned"', 'status = "plnned"', "status", "'plnned'"),
        ("[factory]", "[factry]", "factory", "is missing"),
        ('{ every = "juelich" }', '{ every = "jülich" }', "every", "no quota style 'jülich'"),
        ('{ every = "juelich" }', "{ every = 5 }", "every", "known: none, juelich, rwth"),
        ('{ every = "juelich" }', '"juelich"', "quota_styles", "valid dictionary"),
        ('id = "rwth"', 'id = "none"', "id", "has a meaning of its own"),
        ("debt_percent = 101", "debt_percent = 99", "debt_percent", "100 or more"),
        ("debt_percent = 101", "debt_percent = -1", "debt_percent", "-1 is not between"),
        ("is_monthly = false", "is_monthly = false\nborrows = true", "debt_percent", "100 or"),
        ("is_monthly = false", "is_monthly = false\ncarries_over = true", "is_monthly", "months"),
        ('id = "rwth"', 'id = "rwth"\ncarry = true', "carry", "unknown here"),
        ('operator = "', 'operator = 7 # "', "operator", "valid string"),
    ],
)
def test_a_mistake_names_file_line_and_key(
    tmp_path: Path, written: str, mistake: str, key: str, problem: str
):
    text = SHIPPED.read_text()
    assert written in text
    file = tmp_path / "factory.toml"
    file.write_text(text.replace(written, mistake, 1))
    with pytest.raises(ConfigurationMistake) as refusal:
        load_factory(file)
    assert refusal.value.facts["file"] == "factory.toml"
    assert refusal.value.facts["key"] == key
    assert problem in refusal.value.facts["problem"]


def test_the_line_of_a_misspelt_key_is_the_line_it_stands_on(tmp_path: Path):
    text = SHIPPED.read_text().replace("guarantee = 0.25 ", "garantee = 0.25 ", 1)
    file = tmp_path / "factory.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationMistake) as refusal:
        load_factory(file)
    line = text.splitlines()[refusal.value.facts["line"] - 1]
    assert line.startswith("garantee")


CLUSTER = """
[factory]
name = "A"
operator = "B"
countries = ["DE"]

[[sites]]
id = "s"
name = "S"
hosting_entity = "H"
country = "DE"

[sites.slurm]
cluster = "lab"
work_folder = "/scratch"
"""
OF_CLUSTER = """
[[sites.partitions]]
id = "{id}"
{more}
name = "P"
status = "slurm"
unit = "node_seconds"
hardware = "h"
nodes = 8
max_nodes_per_job = 2
max_time_limit_seconds = 60
memory_gigabytes_per_node = 1.0
access_shares = {{ union = 1.0 }}

[[sites.partitions.groups]]
id = "sme"
name = "G"
guarantee = 0.5
"""


def test_a_group_has_a_qos_on_each_partition_of_a_cluster(tmp_path: Path):
    def endings(*partitions: str) -> list[str]:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.toml"
        file.write_text(CLUSTER + "".join(partitions))
        return [each.qos_of("sme") for each in load_factory(file).partitions]

    gpu = OF_CLUSTER.format(id="gpu", more="")
    cpu = OF_CLUSTER.format(id="cpu", more='slurm_partition = "batch"')
    own = OF_CLUSTER.format(id="own", more='qos_ending = ""')
    assert endings(gpu) == ["sme"]
    assert endings(gpu, cpu, own) == ["sme-gpu", "sme-batch", "sme"]
    assert endings(gpu, cpu.replace('"slurm"', '"described"')) == ["sme", "sme"]


def test_text_that_is_no_toml_is_refused_with_its_line(tmp_path: Path):
    file = tmp_path / "factory.toml"
    file.write_text('[factory]\nname = "A"\noperator = = "B"\n')
    with pytest.raises(ConfigurationMistake) as refusal:
        load_factory(file)
    assert refusal.value.facts["line"] == 3
    assert str(refusal.value).startswith("factory.toml, line 3: Invalid value")


@pytest.mark.parametrize(
    ("content", "line"),
    [(b'[factory]\nname = "\xff"\n', 2), (b"[factory]\nsites = [\n\n", 3), (b"sites = 5", 1)],
)
def test_text_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, content: bytes, line: int
):
    file = tmp_path / "factory.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationMistake) as refusal:
        load_factory(file)
    assert refusal.value.facts["line"] == line


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationMistake, match="cannot be read"):
        load_factory(tmp_path / "nothing.toml")
