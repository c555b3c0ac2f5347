"""Archives of code that somebody made to do harm, and those that an ordinary tar makes."""

import io
import os
import subprocess
import tarfile
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.backends.jobs import code
from allmende.backends.jobs.code import count_entries, unpack
from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.code_archives import (
    CodeHasTooManyFiles,
    CodeIsDamaged,
    LinkLeadsOutside,
    NoCodeArchive,
    NoPlainFile,
    UnfitName,
)

CONTENT = b"print('hello')\n"


def a_tar(*members: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=form) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return whole.getvalue()


def a_member(name: str, kind: bytes = tarfile.REGTYPE, **facts: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in facts.items():
        setattr(member, key, value)
    return member


def kept(content: bytes, folder: Path) -> Path:
    path = folder / sha256(content).hexdigest()
    path.write_bytes(content)
    return path


def patched(content: bytes, at: int, field: bytes) -> bytes:
    """Return an archive with another field in its first header, and a sum that is right again."""
    block = content[:at] + field + content[at + len(field) : 512]
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:] + content[512:]


PLAIN = a_tar(a_member("a.py", size=5))
LONG = a_tar(a_member("ü" * 60, size=5))


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (a_tar(a_member("../x")), UnfitName),
        (a_tar(a_member("/etc/cron.d/x")), UnfitName),
        (a_tar(a_member("a/../../x")), UnfitName),
        (a_tar(a_member("x"), a_member("X")), UnfitName),
        (a_tar(a_member("x"), a_member("x", size=1)), UnfitName),
        (a_tar(a_member("x"), a_member("x")), NoCodeArchive),
        (a_tar(a_member("x", tarfile.SYMTYPE, linkname="/"), a_member("x/y")), LinkLeadsOutside),
        (a_tar(a_member("x", tarfile.SYMTYPE, linkname="."), a_member("x/y")), UnfitName),
        (a_tar(a_member("x", tarfile.SYMTYPE, linkname="y" * 5000)), UnfitName),
        (a_tar(a_member("x", tarfile.LNKTYPE, linkname="/etc/shadow")), NoPlainFile),
        (a_tar(a_member("x", tarfile.CHRTYPE, devmajor=1, devminor=3)), NoPlainFile),
        (a_tar(a_member("x", tarfile.BLKTYPE)), NoPlainFile),
        (a_tar(a_member("x", tarfile.FIFOTYPE)), NoPlainFile),
        (a_tar(a_member("x", tarfile.GNUTYPE_SPARSE)), NoPlainFile),
        (a_tar(a_member("x", pax_headers={"GNU.sparse.realsize": "9" * 12})), NoCodeArchive),
        (a_tar(a_member("x", pax_headers={"comment": "c" * 70_000})), NoCodeArchive),
        (a_tar(a_member(".", tarfile.DIRTYPE)), NoCodeArchive),
        (b"", NoCodeArchive),
        (b"PK\3\4" + bytes(2000), NoCodeArchive),
        (PLAIN[:1024], NoCodeArchive),
        (PLAIN[:700], NoCodeArchive),
        (PLAIN[:512] + PLAIN[1024:1500], NoCodeArchive),
        (PLAIN + PLAIN, NoCodeArchive),
        (patched(PLAIN, 124, b"-0000000001 "), NoCodeArchive),
        (patched(PLAIN, 124, b"\x80" + bytes(10) + b"\1"), NoCodeArchive),
        (patched(PLAIN, 156, tarfile.DIRTYPE), NoPlainFile),
        (patched(LONG, 124, b"00000000007\0"), NoCodeArchive),
        (PLAIN[:100] + b"x" + PLAIN[101:], NoCodeArchive),
    ],
)
def test_what_would_do_harm_is_refused_and_nothing_of_it_is_written(content, refusal, tmp_path):
    archive = kept(content, tmp_path)
    with pytest.raises(refusal):
        count_entries(archive)
    with pytest.raises(refusal):
        unpack(archive, tmp_path / "code")
    assert not (tmp_path / "code").exists()


def test_endless_repetitions_end(tmp_path, monkeypatch):
    monkeypatch.setattr(code, "MOST_FILES", 50)
    content = a_tar(*[a_member(".", tarfile.DIRTYPE)] * 60, a_member("x"))
    with pytest.raises(CodeHasTooManyFiles):
        count_entries(kept(content, tmp_path))


def test_names_without_end_do_not_fill_the_memory(tmp_path):
    content = a_tar(*(a_member(f"{number}/\U0001f600" + "x" * 60_000) for number in range(50)))
    archive = kept(content, tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(UnfitName):
            count_entries(archive)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


@settings(max_examples=200, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), max_size=6))
def test_an_archive_with_flipped_bytes_is_read_or_refused(changes, tmp_path_factory):
    content = bytearray(LONG)
    for at, value in changes:
        content[at] = value
    archive = kept(bytes(content), tmp_path_factory.mktemp("flipped"))
    try:
        count_entries(archive)
    except Refusal as refusal:
        assert refusal.status == 422  # noqa: PT017 - most of them are whole in spite of it


@pytest.mark.parametrize("form", ["ustar", "pax", "gnu", "oldgnu", "v7"])
def test_what_tar_itself_makes_is_taken(form, tmp_path):
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg/run.sh").write_bytes(CONTENT)
    (source / "pkg/run.sh").chmod(0o755)
    (source / "pkg/link").symlink_to("run.sh")
    if form not in ("v7", "ustar"):
        (source / "pkg" / ("é" * 60)).write_bytes(CONTENT)
    made = subprocess.run(
        ["/bin/tar", "--create", f"--format={form}", "--directory", source, "."],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    archive = kept(made, tmp_path)
    unpack(archive, tmp_path / "code")
    here, there = ({each.name for each in (top / "pkg").iterdir()} for top in (
        tmp_path / "code", source
    ))  # fmt: skip
    assert here == there
    assert (tmp_path / "code/pkg/link").read_bytes() == CONTENT
    assert os.access(tmp_path / "code/pkg/run.sh", os.X_OK)


def test_an_archive_that_is_gone_or_damaged_is_not_unpacked(tmp_path):
    archive = kept(PLAIN, tmp_path)
    archive.write_bytes(LONG)
    with pytest.raises(CodeIsDamaged):
        unpack(archive, tmp_path / "code")
    with pytest.raises(CodeIsDamaged):
        unpack(tmp_path / ("0" * 64), tmp_path / "code")
    assert not (tmp_path / "code").exists()
