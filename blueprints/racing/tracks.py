"""Race tracks: centre lines and widths, all with the same number of points, so that they stack."""

import hashlib
import io
import os
import sys
import tarfile
from pathlib import Path

import numpy as np

POINTS = 800  # of each track, evenly along its centre line: one each 3 to 9 metres
HALF_CAR_METRES = 1.0
MARGIN_METRES = 0.4  # between the car as planned and the edge: hands are not exact
SMOOTHED_METRES = 10  # what the driver sees of a bend: single points of a survey mean nothing
TAPS = np.arange(-300, 301, 15)  # where the driver looks, metres behind and ahead
ARCHIVE = "tum_racetracks.tar.xz"


class Track:
    """One closed track. Arrays have a row for each point; left of the direction is positive."""

    def __init__(self, name, rows, raceline=None):
        """Take rows (x, y, width to the right, width to the left) in metres, and a racing line."""
        self.name = name
        rows = np.vstack([rows, rows[:1]])
        steps = np.linalg.norm(np.diff(rows[:, :2], axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(steps)])
        self.length = along[-1]
        even = np.arange(POINTS) * self.length / POINTS
        self.centre = np.stack([np.interp(even, along, rows[:, axis]) for axis in (0, 1)], axis=1)
        right, left = (np.interp(even, along, rows[:, column]) for column in (2, 3))
        self.centre = smooth(self.centre, self.length)
        ahead = np.roll(self.centre, -1, axis=0) - np.roll(self.centre, 1, axis=0)
        tangent = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
        self.normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        self.low, self.high = HALF_CAR_METRES - right, left - HALF_CAR_METRES
        self.raceline = raceline

    def between(self, offsets):
        """Return the offsets, those too near to an edge moved inside."""
        return np.clip(offsets, self.low + MARGIN_METRES, self.high - MARGIN_METRES)

    def views(self):
        """Return what the driver sees at each point: bends behind and ahead, (points, taps)."""
        curvature, _ = bends(self.centre[:, :, None])
        seen = smooth(curvature, self.length)[:, 0]
        places = np.arange(POINTS)[:, None] + TAPS * POINTS / self.length
        return 30 * np.interp(places, np.arange(POINTS), seen, period=POINTS)

    def offsets_of(self, line):
        """Return how far left of the centre a given line crosses each point's normal."""
        # The nearest points of a finely drawn line, projected to the normal; smoothed once.
        places = np.arange(0, len(line), 0.2)
        axes = [np.interp(places, np.arange(len(line)), axis, period=len(line)) for axis in line.T]
        fine = np.stack(axes, axis=1)
        offsets = np.empty(POINTS)
        for place, (point, normal) in enumerate(zip(self.centre, self.normal, strict=True)):
            away = fine - point
            across, beside = away @ normal, away @ np.array([normal[1], -normal[0]])
            near = np.where(np.abs(across) < 20, np.abs(beside), np.inf)
            offsets[place] = across[np.argmin(near)]
        return smooth(offsets[:, None], self.length)[:, 0]


def smooth(values, length):
    """Return periodic rows smoothed by a bell of SMOOTHED_METRES standard deviation."""
    waves = np.fft.rfftfreq(POINTS, d=length / POINTS)
    bell = np.exp(-2 * (np.pi * waves * SMOOTHED_METRES) ** 2)
    return np.fft.irfft(np.fft.rfft(values, axis=0) * bell[:, None], POINTS, axis=0)


def bends(lines):
    """Return curvature (1/m, left positive) and way to the next point (m), both (points, lines).

    `lines` has shape (points, 2, lines). Curvature of the circle through a point and its two
    neighbours.
    """
    ahead = np.roll(lines, -1, axis=0) - lines
    behind = np.roll(ahead, 1, axis=0)
    way, way_behind = np.hypot(ahead[:, 0], ahead[:, 1]), np.hypot(behind[:, 0], behind[:, 1])
    cross = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
    chord = np.hypot(ahead[:, 0] + behind[:, 0], ahead[:, 1] + behind[:, 1])
    return 2 * cross / (way * way_behind * chord), way


def lines_of(tracks, offsets):
    """Return the lines that lie so far left of the centres, (points, 2, lines).

    `offsets` has shape (points, lines), and one track for each line.
    """
    centres = np.stack([track.centre for track in tracks], axis=2)
    normals = np.stack([track.normal for track in tracks], axis=2)
    return centres + offsets[:, None] * normals


def read_tracks():
    """Return all tracks by name in order, the hash of what was read, and its size in bytes."""
    files = read_files(Path(os.environ.get("ALLMENDE_DATA") or "data"))
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\n{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    tables = {name: np.loadtxt(io.BytesIO(text), delimiter=",") for name, text in files.items()}
    names = sorted(name.removeprefix("tracks/") for name in tables if name.startswith("tracks/"))
    tracks = [
        Track(name, tables[f"tracks/{name}"], tables.get(f"racelines/{name}")) for name in names
    ]
    return tracks, digest.hexdigest(), sum(len(text) for text in files.values())


def read_files(folder):
    """Return the tables of tracks and racing lines, from folders or from the archive."""
    files = {}
    for path in sorted(folder.rglob("*.csv")):
        if path.parent.name in ("tracks", "racelines"):
            files[f"{path.parent.name}/{path.stem}"] = path.read_bytes()
    if not files and (folder / ARCHIVE).exists():
        with tarfile.open(folder / ARCHIVE) as archive:  # read, never unpacked to the disk
            for member in archive.getmembers():
                path = Path(member.name)
                if member.isfile() and path.suffix == ".csv":
                    files[f"{path.parent.name}/{path.stem}"] = archive.extractfile(member).read()
    if not any(name.startswith("tracks/") for name in files):
        sys.exit(
            f"No race tracks in {folder}. Put the folders tracks and racelines of "
            f"github.com/TUMFTM/racetrack-database, or {ARCHIVE}, where ALLMENDE_DATA points."
        )
    return files
