"""VAT numbers: one way of writing, and a German check digit."""

import pytest

from allmende.domain.access.vat_numbers import normalise_vat_number
from allmende.domain.basics.refusals import InvalidInput


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("DE136695976", "DE", "DE136695976"),
        (" de 136 695 976 ", "DE", "DE136695976"),
        ("DE-136.695/976", "DE", "DE136695976"),
        ("atu 12345678", "AT", "ATU12345678"),
        ("EL123456789", "GR", "EL123456789"),
        ("CHE-123.456.789", "CH", "CHE123456789"),
        ("  ", "DE", ""),
    ],
)
def test_a_number_is_written_in_one_way(text, country, number):
    assert normalise_vat_number(text, country=country) == number


@pytest.mark.parametrize(
    ("text", "country", "said"),
    [
        ("DE136695977", "DE", "its check digit does not fit"),
        ("DE13669597", "DE", "no VAT number of that country: it begins with DE"),
        ("136695976", "DE", "it begins with DE"),
        ("FR12345678901", "DE", "it begins with DE"),
        ("GR123456789", "GR", "it begins with EL"),
        ("DE1366959\u0667\u0666", "DE", "it begins with DE"),
        ("<b>CHE</b>", "CH", "letters and digits only"),
    ],
)
def test_what_cannot_be_right_is_refused(text, country, said):
    with pytest.raises(InvalidInput, match=said):
        normalise_vat_number(text, country=country)


def test_every_single_wrong_digit_is_found():
    number = "136695976"
    for place in range(9):
        for digit in set("0123456789") - {number[place]}:
            wrong = f"DE{number[:place]}{digit}{number[place + 1 :]}"
            with pytest.raises(InvalidInput):
                normalise_vat_number(wrong, country="DE")
