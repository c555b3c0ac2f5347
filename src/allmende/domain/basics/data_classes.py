"""Data classes: how much harm data can do in the wrong hands."""

from enum import StrEnum


class DataClass(StrEnum):
    """The least harmful first."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    HEALTH = "health"
