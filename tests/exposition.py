"""Reads the text format of Prometheus strictly, as the server does: a check that is not our own."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)")
WRITTEN = {r"\\": "\\", r"\n": "\n", r"\"": '"'}

Read = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read_exposition(text: str) -> Read:
    """Return each sample by its name and labels; `AssertionError` where the format is broken."""
    samples: Read = {}
    seen: set[str] = set()
    name = ""
    assert text == "" or text.endswith("\n")
    for line in text.split("\n")[:-1]:
        if told := re.fullmatch(rf"# HELP ({NAME}) ((?:[^\\]|\\\\|\\n)*)", line):
            name = told[1]
            assert name not in seen, f"{name} comes twice"
            seen.add(name)
        elif line.startswith("#"):
            assert re.fullmatch(rf"# TYPE {name} (gauge|counter)", line), line
            assert line.endswith("counter") == name.endswith("_total"), line
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            assert found[1] == name, line
            labels = _read_labels(found[2] or "")
            assert (name, labels) not in samples, f"{line} comes twice"
            samples[name, labels] = float(found[3])
    return samples


def _read_labels(text: str) -> frozenset[tuple[str, str]]:
    pairs, end = [], 0
    while end < len(text):
        found = LABEL.match(text, end)
        assert found, text[end:]
        value = re.sub(r"\\[\\n\"]", lambda hit: WRITTEN[hit[0]], found[2])
        pairs.append((found[1], value))
        end = found.end()
    assert len(dict(pairs)) == len(pairs), text
    return frozenset(pairs)
