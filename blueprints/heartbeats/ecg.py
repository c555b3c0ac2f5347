"""Reads a record of the MIT-BIH Arrhythmia Database and makes beats of it.

Formats as PhysioNet describes them (WFDB header, signal format 212, MIT annotations); see
https://wfdb.io/spec. A header, a signal and an annotation file belong to one record.
"""

import hashlib
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ARCHIVE = "wfdb_samples.tar.xz"
PARTS = ("hea", "dat", "atr")
CLASSES = "NSVFQ"  # ANSI/AAMI EC57: normal, supraventricular, ventricular, fusion, unknown
# Codes of the annotation files, by the class of EC57. Whatever is not named marks no beat.
CODES = {
    "N": (1, 2, 3, 11, 25, 34),
    "S": (4, 7, 8, 9, 35),
    "V": (5, 10, 41),
    "F": (6,),
    "Q": (12, 13, 38),
}
CLASS_OF_CODE = {code: CLASSES.index(name) for name, codes in CODES.items() for code in codes}
SKIP, NUMBER, SUBTYPE, CHANNEL, AUXILIARY = 59, 60, 61, 62, 63

BEFORE_SECONDS, AFTER_SECONDS = 0.2, 0.4
SAMPLES = 72  # of each lead, for a beat
RHYTHM = 4  # features beside the shape
RECENT_BEATS = 10


@dataclass(frozen=True, kw_only=True)
class Record:
    """One recording: its leads in millivolts, and where its beats are."""

    name: str
    hertz: float
    leads: np.ndarray  # (2, samples)
    at: np.ndarray  # sample of each beat
    label: np.ndarray  # its class, as a place in CLASSES
    sha256: str
    size_bytes: int

    @property
    def seconds(self):
        """Return when each beat was."""
        return self.at / self.hertz


def read_record(number):
    """Return a record from the data folder, or end with a sentence that says what is missing."""
    folder = Path(os.environ.get("ALLMENDE_DATA") or "data")
    parts = find_parts(folder, number)
    if parts is None:
        sys.exit(
            f"Record {number} of the MIT-BIH Arrhythmia Database is not in {folder.absolute()}. "
            f"Put {number}.hea, {number}.dat and {number}.atr there, or {ARCHIVE}."
        )
    header, signal, notes = parts
    hertz, leads = read_signal(header.decode(), signal, number)
    at, label = read_beats(notes)
    whole = b"".join(parts)
    return Record(
        name=str(number),
        hertz=hertz,
        leads=leads,
        at=at,
        label=label,
        sha256=hashlib.sha256(whole).hexdigest(),
        size_bytes=len(whole),
    )


def find_parts(folder, number):
    """Return the three files of a record, from the folder or from the archive in it, or None."""
    names = [f"{number}.{part}" for part in PARTS]
    for place in sorted({path.parent for path in folder.rglob(names[0])}):
        if all((place / name).is_file() for name in names):
            return [(place / name).read_bytes() for name in names]
    archive = folder / ARCHIVE
    if not archive.is_file():
        return None
    with tarfile.open(archive) as tar:
        found = {Path(entry.name).name: entry for entry in tar if entry.isfile()}
        if not all(name in found for name in names):
            return None
        return [tar.extractfile(found[name]).read() for name in names]


def read_signal(header, signal, number):
    """Return the sampling rate, and both leads in millivolts; their checksums must fit."""
    lines = [line.split() for line in header.splitlines() if line and not line.startswith("#")]
    (_, leads, hertz, samples, *_), *rows = lines
    if leads != "2" or any(row[1] != "212" for row in rows):
        sys.exit(f"Record {number} does not have two leads in the format 212.")
    # Three bytes hold two samples of twelve bits, one of each lead.
    low, middle, high = np.frombuffer(signal, np.uint8).astype(np.int32).reshape(-1, 3).T
    raw = np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4])[:, : int(samples)]
    raw[raw >= 2048] -= 4096
    for lead, row in zip(raw, rows, strict=True):
        if (int(lead.sum()) - int(row[6])) % 65536:
            sys.exit(f"The signal of record {number} is damaged: its checksum does not fit.")
    gain, zero = (np.array([float(row[place]) for row in rows])[:, None] for place in (2, 4))
    return float(hertz), (raw - zero) / gain


def read_beats(notes):
    """Return where the beats are and which class each has, as two doctors agreed on."""
    words = np.frombuffer(notes, "<u2").astype(int)
    place, now, at, label = 0, 0, [], []
    while place < len(words) and words[place]:
        code, further = words[place] >> 10, words[place] & 1023
        place += 1
        if code == SKIP:
            now += ((words[place] << 16 | words[place + 1]) ^ 1 << 31) - (1 << 31)
            place += 2
        elif code == AUXILIARY:
            place += (further + 1) // 2
        elif code not in (NUMBER, SUBTYPE, CHANNEL):
            now += further
            if code in CLASS_OF_CODE:
                at.append(now)
                label.append(CLASS_OF_CODE[code])
    return np.array(at), np.array(label)


def beat_features(record):
    """Return for each beat the shape of both leads, and how early it came."""
    before, after = (int(s * record.hertz) for s in (BEFORE_SECONDS, AFTER_SECONDS))
    wide = (before + after) // SAMPLES
    offsets = np.arange(SAMPLES * wide) - before
    places = np.clip(record.at[:, None] + offsets, 0, record.leads.shape[1] - 1)
    shapes = record.leads[:, places].reshape(2, len(record.at), SAMPLES, wide).mean(axis=3)
    shapes -= np.median(shapes, axis=2, keepdims=True)  # the baseline wanders
    return np.concatenate([*shapes, rhythm(record)], axis=1)


def rhythm(record):
    """Return the pause before and after each beat, in seconds and as a share of recent pauses."""
    pauses = np.diff(record.seconds)
    usual = np.median(pauses[:RECENT_BEATS])
    before = np.concatenate([[usual], pauses])
    after = np.concatenate([pauses, [usual]])
    recent = np.array(
        [
            np.median(before[max(0, n - RECENT_BEATS) : n] if n else usual)
            for n in range(len(before))
        ]
    )
    return np.stack([before, after, before / recent, after / recent], axis=1)
