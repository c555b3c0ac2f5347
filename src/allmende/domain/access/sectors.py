"""Sections of the classification of economic activities (NACE Rev. 2)."""

from types import MappingProxyType

from allmende.domain.basics.sentences import Sentence

# Reg. (EC) No 1893/2006, Annex I: section, first and last division, and a short name.
_SECTIONS = (
    ("A", 1, 3, Sentence("Agriculture, forestry and fishing")),
    ("B", 5, 9, Sentence("Mining and quarrying")),
    ("C", 10, 33, Sentence("Manufacturing")),
    ("D", 35, 35, Sentence("Electricity and gas")),
    ("E", 36, 39, Sentence("Water and waste")),
    ("F", 41, 43, Sentence("Construction")),
    ("G", 45, 47, Sentence("Trade and repair")),
    ("H", 49, 53, Sentence("Transport and storage")),
    ("I", 55, 56, Sentence("Accommodation and food")),
    ("J", 58, 63, Sentence("Information and communication")),
    ("K", 64, 66, Sentence("Finance and insurance")),
    ("L", 68, 68, Sentence("Real estate")),
    ("M", 69, 75, Sentence("Science and technology")),
    ("N", 77, 82, Sentence("Support services")),
    ("O", 84, 84, Sentence("Public administration")),
    ("P", 85, 85, Sentence("Education")),
    ("Q", 86, 88, Sentence("Health and social work")),
    ("R", 90, 93, Sentence("Arts and recreation")),
    ("S", 94, 96, Sentence("Other services")),
    ("T", 97, 98, Sentence("Households")),
    ("U", 99, 99, Sentence("International organisations")),
)
SECTION_WORDS = MappingProxyType({section: words for section, _, _, words in _SECTIONS})
NO_SECTION = ""


def section_of(nace_code: str) -> str:
    """Return the letter of the section that a code such as 62.01 belongs to, or nothing."""
    division = nace_code[:2]
    if not (division.isascii() and division.isdigit()):
        return NO_SECTION
    found = (letter for letter, first, last, _ in _SECTIONS if first <= int(division) <= last)
    return next(found, NO_SECTION)
