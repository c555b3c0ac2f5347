"""The C-MAPSS engines: reading the tables, cutting windows, and what remains of each life.

A record is one flight: engine, cycle, three settings, 21 sensors. Training engines run until they
fail; test engines are cut off some time before, and their true remaining life is in a file.
"""

import hashlib
import os
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np

ARCHIVE = "nasa_cmapss_fd001.tar.xz"
MISSING = (
    "The C-MAPSS data are not in {folder}. Put {archive} there, or the files train_FD001.txt, "
    "test_FD001.txt and RUL_FD001.txt of NASA's data set 6, or set ALLMENDE_DATA to their folder."
)
# Of the 21 sensors the seven left out are constant in FD001: they say nothing.
SENSORS = {
    2: "T24 temperature behind the low-pressure compressor",
    3: "T30 temperature behind the high-pressure compressor",
    4: "T50 temperature behind the low-pressure turbine",
    7: "P30 pressure behind the high-pressure compressor",
    8: "Nf speed of the fan",
    9: "Nc speed of the core",
    11: "Ps30 static pressure behind the high-pressure compressor",
    12: "phi ratio of fuel flow to Ps30",
    13: "NRf corrected speed of the fan",
    14: "NRc corrected speed of the core",
    15: "BPR bypass ratio",
    17: "htBleed bleed enthalpy",
    20: "W31 coolant bleed of the high-pressure turbine",
    21: "W32 coolant bleed of the low-pressure turbine",
}
ENGINE, CYCLE, FIRST_SENSOR = 0, 1, 5  # columns


class Tables:
    """The files of the data set, from a folder or from the archive as NASA's files were packed."""

    def __init__(self):
        self.folder = Path(os.environ.get("ALLMENDE_DATA", "data"))
        self.read_bytes, self._digest = 0, hashlib.sha256()

    def read(self, name):
        """Return the numbers of one file as an array; end with a sentence where it is absent."""
        content = self._find(name)
        if content is None:
            sys.exit(MISSING.format(folder=self.folder, archive=ARCHIVE))
        self.read_bytes += len(content)
        self._digest.update(content)
        return np.loadtxt(BytesIO(content))

    def has(self, name):
        """Say whether the file is there."""
        return self._find(name) is not None

    def sha256(self):
        """Return one hash over what was read, in the order in which it was read."""
        return self._digest.hexdigest()

    def _find(self, name):
        for path in sorted(self.folder.rglob(name)):
            return path.read_bytes()
        for path in sorted(self.folder.rglob(ARCHIVE)):
            with tarfile.open(path) as archive:
                for member in archive:
                    if Path(member.name).name == name:
                        return archive.extractfile(member).read()
        return None


class Fleet:
    """Engines, one after the other: standardised sensors, cycles, remaining life."""

    def __init__(self, records, *, mean, scale, window, remaining_at_end=None):
        self.window = window
        sensors = ((select_sensors(records) - mean) / scale).astype(np.float32)
        padded, ends, owners, remaining, cycles = [], [], [], [], []
        length = 0
        for number, rows in enumerate(split_engines(records)):
            count = len(rows)
            after = 0 if remaining_at_end is None else remaining_at_end[number]
            # A window that begins before the first flight sees the first flight again.
            padded += [np.repeat(sensors[rows[:1]], window - 1, axis=0), sensors[rows]]
            ends.append(length + window - 1 + np.arange(count))
            owners.append(np.full(count, number))
            remaining.append(after + np.arange(count - 1, -1, -1))
            cycles.append(np.arange(1, count + 1))
            length += window - 1 + count
        self._padded = np.concatenate(padded)
        self._ends = np.concatenate(ends)
        self.engine = np.concatenate(owners)
        self.remaining = np.concatenate(remaining).astype(np.float32)
        self.cycle = np.concatenate(cycles)
        self.engines = len(padded) // 2

    def windows(self, records):
        """Return the sensors of the flights up to each record, shaped (..., sensors, window)."""
        places = self._ends[records][..., None] + np.arange(1 - self.window, 1)
        return self._padded[places].swapaxes(-1, -2)

    def last_records(self):
        """Return the last record of each engine: what one knows today."""
        return np.append(np.flatnonzero(np.diff(self.engine)), len(self.engine) - 1)


def select_sensors(records):
    """Return the columns of the sensors that say something."""
    return records[:, [FIRST_SENSOR + number - 1 for number in SENSORS]]


def split_engines(records):
    """Return for each engine its row numbers, in the order of cycles."""
    rows = np.arange(len(records))
    return np.split(rows, np.flatnonzero(np.diff(records[:, ENGINE])) + 1)


def draw_cuts(fleet, dice, *, each, earliest):
    """Return records at which engines are cut off at random, as test engines were: `each` times.

    No cut comes before the cycle `earliest`: nobody asks about an engine that has hardly flown.
    """
    allowed = [
        np.flatnonzero((fleet.engine == number) & (fleet.cycle >= earliest))
        for number in range(fleet.engines)
    ]
    return np.concatenate([dice.choice(rows, size=each) for rows in allowed])
