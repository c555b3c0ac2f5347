"""Where data of which class may be; asked before a job is accepted and before it starts."""

from collections.abc import Collection

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence

CLASS_WORDS = {
    DataClass.PUBLIC: Sentence("public data"),
    DataClass.INTERNAL: Sentence("internal data"),
    DataClass.PERSONAL: Sentence("personal data"),
    DataClass.HEALTH: Sentence("health data"),
}

# GDPR Art. 44 keeps personal data where Union law protects them: the EU and the EEA.
UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
EEA = UNION | {"IS", "LI", "NO"}


class UnknownDataClass(Refusal):
    """There is no data class {data_class}. Choose one of: {known}."""

    status = 422


class DataWouldLeave(Refusal):
    """This job carries {data} and may not run in {country}. Allowed here: {allowed}.

    Choose a partition in one of these countries.
    """

    status = 422


def parse_data_class(text: str) -> DataClass:
    """Return the class of a name, or refuse with the names there are."""
    try:
        return DataClass(text)
    except ValueError:
        raise UnknownDataClass(data_class=text, known=", ".join(DataClass)) from None


def allowed_countries(data_class: DataClass, factory_countries: Collection[str]) -> frozenset[str]:
    """Return where data of this class may be.

    No job leaves the countries of the factory. Personal and health data moreover stay in the EEA,
    whatever the factory's configuration says.
    """
    countries = frozenset(factory_countries)
    if data_class in (DataClass.PERSONAL, DataClass.HEALTH):
        return countries & EEA
    return countries


def may_be_in(data_class: DataClass, country: str, *, factory_countries: Collection[str]) -> bool:
    """Say whether data of this class may be in a country."""
    return country in allowed_countries(data_class, factory_countries)


def check_residency(
    data_class: DataClass, country: str, *, factory_countries: Collection[str]
) -> None:
    """Refuse a place where data of this class may not be."""
    if not may_be_in(data_class, country, factory_countries=factory_countries):
        allowed = sorted(allowed_countries(data_class, factory_countries))
        raise DataWouldLeave(
            data=CLASS_WORDS[data_class],
            country=country,
            allowed=", ".join(allowed) or Sentence("nowhere"),
        )
