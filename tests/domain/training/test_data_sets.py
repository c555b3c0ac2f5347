"""Data sets of the catalogue: named by job files, told to jobs, never taken for another one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.training import data_sets
from allmende.domain.training.blueprints import Text
from allmende.domain.training.data_sets import DataSet
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.job_specs import DataMount
from tests.domain.training.recipes import a_blueprint

ROADS = DataSet(
    id="roads",
    version="2",
    title=Text(en="Roads", de="Straßen"),
    licence="CC-BY-4.0",
    origin="a survey",
    data_class=DataClass.PUBLIC,
    personal_data=False,
    folders={"here": "/srv/roads"},
)
HEARTS = replace(ROADS, id="heart-beats", data_class=DataClass.HEALTH, personal_data=True)
CATALOGUE = {"roads": ROADS, "heart-beats": HEARTS}


def a_spec(*data, **changes):
    return parse_job_file({"name": "a", "run": "true", "data": list(data)} | changes)


@pytest.mark.parametrize("uri", ["allmende:roads", "allmende:roads@2"])
def test_a_job_file_is_kept_with_the_version_that_it_reads(uri):
    pinned = data_sets.pin_data(a_spec({"uri": uri, "mount": "/d"}), CATALOGUE)
    assert pinned.data == (DataMount(uri="allmende:roads@2", mount="/d"),)
    assert data_sets.pin_data(pinned, CATALOGUE) == pinned
    assert parse_job_file(pinned.to_json()) == pinned


@pytest.mark.parametrize(
    ("mount", "refusal", "words"),
    [
        ({"uri": "s3://x/y"}, data_sets.NotInCatalogue, "s3://x/y cannot be brought"),
        ({"uri": "allmende:raods"}, data_sets.NoSuchDataSet, "Did you mean roads?"),
        ({"uri": "allmende:roads@1"}, data_sets.OtherVersion, "in version 2, not 1"),
        ({"uri": "allmende:roads", "mode": "rw"}, data_sets.DataAreReadOnly, "ALLMENDE_OUT"),
        ({"uri": "allmende:heart-beats"}, data_sets.DataClassTooWeak, "data_class: health into"),
    ],
)
def test_what_may_not_be_named_is_refused_with_the_way_out(mount, refusal, words):
    with pytest.raises(refusal) as refused:
        data_sets.pin_data(a_spec(mount), CATALOGUE)
    assert words in str(refused.value).replace("\n", " ")


@given(st.sampled_from(DataClass), st.sampled_from(DataClass))
def test_no_job_of_a_weaker_class_reads_a_data_set(of_data, of_job):
    catalogue = {"roads": replace(ROADS, data_class=of_data)}
    spec = a_spec({"uri": "allmende:roads"}, data_class=of_job.value)
    order = ["public", "internal", "personal", "health"]
    if order.index(of_job) < order.index(of_data):
        with pytest.raises(data_sets.DataClassTooWeak):
            data_sets.pin_data(spec, catalogue)
    else:
        assert data_sets.pin_data(spec, catalogue).data[0].uri == ROADS.uri


def test_the_first_one_has_the_short_variable_as_well():
    told = data_sets.data_environment((HEARTS, ROADS), lambda each: f"/srv/{each.id}")
    assert told == {
        "ALLMENDE_DATA": "/srv/heart-beats",
        "ALLMENDE_DATA_HEART_BEATS": "/srv/heart-beats",
        "ALLMENDE_DATA_ROADS": "/srv/roads",
    }


@given(st.sets(st.from_regex(data_sets.NAME, fullmatch=True), max_size=5))
def test_two_names_never_share_a_variable(names):
    found = {replace(ROADS, id=name).variable for name in names}
    assert len(found) == len(names)
    assert all(each.isidentifier() for each in found)


def test_what_is_not_at_a_site_or_gone_is_missing():
    mounts = [DataMount(uri="allmende:roads@2"), DataMount(uri="allmende:gone@1")]
    assert data_sets.list_missing(mounts, CATALOGUE, site_id="here") == ("gone",)
    assert data_sets.list_missing(mounts, CATALOGUE, site_id="there") == ("roads", "gone")


def test_a_blueprint_that_brings_no_data_asks_for_some():
    toy = a_blueprint()
    needy = replace(toy, data=(replace(toy.data[0], catalogue="roads"),))
    bare = parse_job_file({"name": "a", "blueprint": "toy"})
    data_sets.check_needed(bare, toy, CATALOGUE)
    with pytest.raises(data_sets.BlueprintNeedsData, match="with uri: allmende:roads"):
        data_sets.check_needed(bare, needy, CATALOGUE)
    with pytest.raises(data_sets.BlueprintNeedsData, match="its operators describe it"):
        data_sets.check_needed(bare, needy, {})
    other = parse_job_file({**bare.to_json(), "data": [{"uri": "allmende:heart-beats"}]})
    data_sets.check_needed(other, needy, CATALOGUE)
