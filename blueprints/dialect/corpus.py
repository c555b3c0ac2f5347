"""Reads sentences of many language varieties, and keeps some passages of each for the test.

A variety is a file of plain text with a sentence in each line: NAME.txt, NAME.txt.gz, or a .txt in
a .tar.xz. Files of the same variety are joined.
"""

import gzip
import hashlib
import sys
import tarfile
from pathlib import Path

import numpy as np

# Passages, not sentences, are held out: neighbours come from one document and speak of one thing.
PASSAGE_SENTENCES = 5
HELD_OUT = 0.1
FEWEST_TEST_PASSAGES = 5
MOST_TEST_PASSAGES = 200  # to measure on more takes long, and makes the figures hardly surer
FEWEST_PASSAGES = 20  # a variety with fewer is only trained on, for its figures would be noise

# What Common Voice calls its languages.
LANGUAGE_CODES = {
    "ast": "Asturian",
    "br": "Breton",
    "cy": "Welsh",
    "de": "German",
    "et": "Estonian",
    "eu": "Basque",
    "fy-NL": "Frisian",
    "ga-IE": "Irish",
    "gl": "Galician",
    "hsb": "Upper_Sorbian",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mt": "Maltese",
    "oc": "Occitan",
    "rm-sursilv": "Romansh_Sursilvan",
    "rm-vallader": "Romansh_Vallader",
    "sl": "Slovenian",
    "sr": "Serbian",
}


class Corpus:
    """Passages of text by variety: `train` and `test` are lists of (variety number, text)."""

    def __init__(self, folder, options):
        sources = read_texts(Path(folder))
        if not sources:
            sys.exit(
                f"There is no text in {folder}. Put files NAME.txt or NAME.txt.gz there, one for "
                "each language variety with a sentence in each line, or let ALLMENDE_DATA name "
                "the folder that holds them."
            )
        self.varieties = sorted(sources)
        self.sha256, self.bytes = fingerprint(sources)
        self.train, self.test, seen = [], [], set()
        for number, variety in enumerate(self.varieties):
            passages = cut_passages(sources[variety], seen)
            dice = np.random.default_rng([options["split_seed"], number])
            passages = [passages[place] for place in dice.permutation(len(passages))]
            passages = cap(passages, options["kilobytes_per_variety"] * 1000)
            kept = 0
            if len(passages) >= FEWEST_PASSAGES:
                kept = max(FEWEST_TEST_PASSAGES, round(HELD_OUT * len(passages)))
            self.test += [(number, text) for text in passages[: min(kept, MOST_TEST_PASSAGES)]]
            self.train += [(number, text) for text in passages[kept:]]
        if not self.test:
            sys.exit(
                f"No variety in {folder} has {FEWEST_PASSAGES * PASSAGE_SENTENCES} different "
                "sentences, so none can be held out to measure the model. Give more text, with a "
                "sentence in each line."
            )

    def texts(self, variety, *, held_out):
        """Return the passages of one variety, by its number."""
        passages = self.test if held_out else self.train
        return [text for number, text in passages if number == variety]


def read_texts(folder):
    """Return the lines of every variety below the folder; the same for any order of the files."""
    sources = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for name, content in contents(path):
            lines = [line.strip() for line in to_text(content, path).splitlines()]
            sources.setdefault(variety_name(name), []).extend(line for line in lines if line)
    return sources


def to_text(content, path):
    """Return the text of some bytes; end with a sentence where they are in another encoding."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        sys.exit(
            f"{path} is not in UTF-8. Convert it, for example with iconv -f ISO-8859-15 -t UTF-8."
        )


def contents(path):
    """Return (name, bytes) of each text in a file: itself, unpacked, or those in an archive."""
    if path.name.endswith(".txt"):
        return [(path.name.removesuffix(".txt"), path.read_bytes())]
    if path.name.endswith(".txt.gz"):
        return [(path.name.removesuffix(".txt.gz"), gzip.decompress(path.read_bytes()))]
    if path.name.endswith(".tar.xz"):
        with tarfile.open(path) as archive:
            texts = [m for m in archive if m.isfile() and m.name.endswith(".txt")]
            return [(Path(m.name).stem, archive.extractfile(m).read()) for m in texts]
    return []


def variety_name(name):
    """Return the variety of a file name: UD_Low_Saxon-LSDC and hsb become languages."""
    if name.startswith("UD_"):
        return name.removeprefix("UD_").split("-")[0]
    return LANGUAGE_CODES.get(name, name)


def cut_passages(lines, seen):
    """Return passages of neighbouring sentences; a sentence that was seen before is left out."""
    fresh = [line for line in dict.fromkeys(lines) if line not in seen]
    seen.update(fresh)
    groups = [fresh[n : n + PASSAGE_SENTENCES] for n in range(0, len(fresh), PASSAGE_SENTENCES)]
    return ["\n".join(group) + "\n" for group in groups]


def cap(passages, most_bytes):
    """Return the first passages that fit, so that no large variety drowns the small ones."""
    sizes = np.cumsum([len(text.encode()) for text in passages])
    return passages[: int(np.searchsorted(sizes, most_bytes, side="right"))]


def fingerprint(sources):
    """Return a hash over all text, and how many bytes it is."""
    digest, size = hashlib.sha256(), 0
    for variety in sorted(sources):
        text = "\n".join([variety, *sources[variety]]).encode()
        digest.update(hashlib.sha256(text).digest())
        size += len(text)
    return digest.hexdigest(), size


def read_identification(folder):
    """Return the sentences of xSID as {"valid" or "test": {variety: [sentence, ...]}}, if any.

    Its varieties are parallel: the same English sentences said in each, so that only the language
    tells them apart.
    """
    parts = {"valid": {}, "test": {}}
    for path in sorted(Path(folder).rglob("xsid*.tar.xz")):
        with tarfile.open(path) as archive:
            for member in archive:
                variety, _, part = Path(member.name).name.removesuffix(".conll").partition(".")
                if member.name.endswith(".conll") and part in parts:
                    lines = archive.extractfile(member).read().decode().splitlines()
                    parts[part][variety] = [
                        line.removeprefix("# text = ").strip()
                        for line in lines
                        if line.startswith("# text = ")
                    ]
    return parts
