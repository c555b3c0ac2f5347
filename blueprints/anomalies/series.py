"""The 31 real series of the Numenta Anomaly Benchmark, with their labelled windows."""

import csv
import hashlib
import json
import os
import sys
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import numpy as np

ARCHIVE = "nab_real.tar.xz"
LABELS = "combined_windows.json"
GROUPS = ("realAWSCloudwatch", "realKnownCause", "realTraffic")
MISSING = (
    "The NAB series are not in {folder}. Put {archive} there, or the folders data and labels of "
    "the Numenta Anomaly Benchmark, or set ALLMENDE_DATA to their folder."
)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One measured figure over time."""

    name: str  # group/file
    times: np.ndarray  # seconds since 1970, in the clock of the data
    values: np.ndarray
    windows: tuple  # first and last record of each labelled anomaly


def read_series():
    """Return all series by name, and hash and bytes of what was read; end where they are absent."""
    folder = Path(os.environ.get("ALLMENDE_DATA", "data"))
    files = find_files(folder)
    names = sorted(name for name in files if name.endswith(".csv"))
    if LABELS not in files or not names:
        sys.exit(MISSING.format(folder=folder, archive=ARCHIVE))
    labels = json.loads(files[LABELS])
    digest = hashlib.sha256()
    for name in [LABELS, *names]:
        digest.update(files[name])
    series = [parse(name, files[name], labels[name]) for name in names]
    return series, digest.hexdigest(), sum(len(files[name]) for name in [LABELS, *names])


def find_files(folder):
    """Return the content of the labels and of each series by its name in the labels."""
    found = {}
    for path in folder.rglob("*"):
        if path.name == ARCHIVE:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and (name := name_of(member.name)):
                        found[name] = archive.extractfile(member).read()
        elif path.is_file() and (name := name_of(str(path))):
            found.setdefault(name, path.read_bytes())
    return found


def name_of(path):
    """Return the name by which the labels call a file, or nothing."""
    *_, group, file = Path("/", path).parts
    if file == LABELS:
        return LABELS
    return f"{group}/{file}" if group in GROUPS and file.endswith(".csv") else ""


def parse(name, content, labels):
    """Return a series; labels name the first and the last moment of each window."""
    rows = list(csv.DictReader(StringIO(content.decode())))
    moments = [seconds(row["timestamp"]) for row in rows]
    place = {moment: number for number, moment in reversed(list(enumerate(moments)))}
    return Series(
        name=name.removesuffix(".csv"),
        times=np.array(moments),
        values=np.array([float(row["value"]) for row in rows]),
        windows=tuple((place[seconds(first)], place[seconds(last)]) for first, last in labels),
    )


def seconds(text):
    """Return a moment as seconds since 1970; the data name no time zone, so any will do."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
