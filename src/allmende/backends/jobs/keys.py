"""How jobs and attempts are called on a disk. Names that could lead elsewhere are nobody's."""

import re

JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEY = re.compile(rf"(?P<job>{JOB.pattern})\.(?P<number>[1-9][0-9]{{0,5}})")
