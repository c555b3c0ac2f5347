"""The map of the sites: where a place lies in the drawing of Germany."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from allmende.domain.basics.sites import PartitionStatus, Site
from allmende.services.sites import SiteView

WIDTH = 360
HEIGHT = 480
WEST, EAST = 5.6, 15.3
NORTH = 55.2
# A cylinder that is true to shape at 51 degrees north, in the middle of the country.
STRETCH = math.cos(math.radians(51))
SCALE = WIDTH / ((EAST - WEST) * STRETCH)


def project(latitude: float, longitude: float) -> tuple[float, float]:
    """Return where a place lies in the drawing, from its upper left corner."""
    return (longitude - WEST) * STRETCH * SCALE, (NORTH - latitude) * SCALE


@dataclass(frozen=True)
class Place:
    """A site on the map, with its label kept inside the drawing."""

    site: Site
    x: float
    y: float
    label_x: float
    anchor: str
    is_running: bool  # at least one machine stands there today


def place_sites(views: Iterable[SiteView]) -> list[Place]:
    """Return where the sites lie; one without a position is not on the map."""
    places = []
    for site in (view.site for view in views):
        if site.latitude is None or site.longitude is None:
            continue
        x, y = project(site.latitude, site.longitude)
        to_left = x > WIDTH * 0.62
        places.append(
            Place(
                site=site,
                x=round(x, 1),
                y=round(y, 1),
                label_x=round(x - 15 if to_left else x + 15, 1),
                anchor="end" if to_left else "start",
                is_running=any(p.status != PartitionStatus.PLANNED for p in site.partitions),
            )
        )
    return places
