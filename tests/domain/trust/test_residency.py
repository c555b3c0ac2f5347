"""Data stay where their class lets them be."""

import pytest

from allmende.domain.trust.residency import (
    DataClass,
    DataWouldLeave,
    UnknownDataClass,
    check_residency,
    may_be_in,
    parse_data_class,
)


@pytest.mark.parametrize("data_class", list(DataClass))
def test_every_class_may_be_in_the_factorys_own_country(data_class):
    check_residency(data_class, "DE", factory_countries=["DE"])


@pytest.mark.parametrize("data_class", list(DataClass))
def test_no_class_may_be_outside_the_factorys_countries(data_class):
    assert not may_be_in(data_class, "FR", factory_countries=["DE"])


def test_personal_and_health_data_stay_in_the_eea_whatever_is_configured():
    countries = {"DE", "NO", "US"}
    allowed = {
        (data_class, country)
        for data_class in DataClass
        for country in countries
        if may_be_in(data_class, country, factory_countries=countries)
    }
    assert allowed == {
        *((data_class, country) for data_class in DataClass for country in ("DE", "NO")),
        (DataClass.PUBLIC, "US"),
        (DataClass.INTERNAL, "US"),
    }


def test_the_refusal_names_the_data_the_place_and_the_way_out():
    with pytest.raises(DataWouldLeave) as refusal:
        check_residency(DataClass.HEALTH, "US", factory_countries=["DE", "FR", "US"])
    assert str(refusal.value) == (
        "This job carries health data and may not run in US. Allowed here: DE, FR. "
        "Choose a partition in one of these countries."
    )


def test_where_nothing_is_allowed_the_refusal_says_so():
    with pytest.raises(DataWouldLeave, match="Allowed here: nowhere"):
        check_residency(DataClass.PERSONAL, "US", factory_countries=["US"])


def test_a_class_is_read_by_its_name():
    assert parse_data_class("health") is DataClass.HEALTH
    with pytest.raises(UnknownDataClass, match="public, internal, personal, health"):
        parse_data_class("helth")
