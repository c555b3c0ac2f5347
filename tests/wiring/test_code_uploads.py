"""A folder that was packed is the archive that submitting it makes, and nothing else passes."""

import io
import subprocess
import tarfile
import zipfile
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.code_archives import (
    CodeIsTooLarge,
    FolderHasNothing,
    LinkLeadsOutside,
    NoPackedFolder,
    NoPlainFile,
    PackedFolderIsTooLarge,
    UnfitName,
)
from allmende.wiring import code_packer
from allmende.wiring.code_folders import open_folder
from allmende.wiring.code_packer import open_packed
from allmende.wiring.code_uploads import pack_upload
from tests.wiring.test_code_folders import TREES, _build, _fits, fill

BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, OSError, EOFError)
LINK, FIFO, FILE = 0o120777, 0o010644, 0o100644


def hash_of(content: bytes) -> str:
    with open_packed(io.BytesIO(content)) as folder:
        return folder.hash()


def names_of(content: bytes) -> list[str]:
    with open_packed(io.BytesIO(content)) as folder:
        return [each.name for each in folder.entries if not each.is_folder]


def as_zip(folder: Path, *, below: str = "") -> bytes:
    """Return a folder as `zip --recurse-paths --symlinks` packs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            name = below + path.relative_to(folder).as_posix() + "/" * is_real_folder(path)
            info = zipfile.ZipInfo(name)
            info.external_attr = path.lstat().st_mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            content = b"" if name.endswith("/") else path.read_bytes()
            archive.writestr(info, str(path.readlink()) if path.is_symlink() else content)
    return packed.getvalue()


def is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def as_tar(folder: Path, *, mode: str = "w:gz", below: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        archive.add(folder, arcname=below or ".")
    return packed.getvalue()


def zip_of(*files: tuple[str, bytes, int]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()


@settings(max_examples=30, deadline=None)
@given(tree=TREES)
def test_however_it_was_packed_it_has_the_hash_of_the_folder(tree, tmp_path_factory):
    top = tmp_path_factory.mktemp("trees")
    folder = _build(top / "mine", [item for item in tree.items() if _fits(item[0], tree)])
    expected = open_folder(folder).hash()
    assert hash_of(as_zip(folder)) == expected
    assert hash_of(as_zip(folder, below="mine/")) == expected
    assert hash_of(as_tar(folder)) == expected
    assert hash_of(as_tar(folder, below="mine")) == expected
    assert hash_of(as_tar(folder, mode="w:")) == expected


def test_gitignore_counts_as_it_does_when_submitted(tmp_path):
    fill(
        tmp_path,
        {
            ".git/HEAD": "x", ".gitignore": "*.pt\n/data/*\n!keep.pt\n__pycache__\nvenv/\n",
            "train.py": "x", "model.pt": "x", "keep.pt": "x", "data/big": "x", "pkg/data/small": "",
            "pkg/__pycache__/a.pyc": "x", "pkg/.gitignore": "!model.pt\n/own\n", "pkg/own": "x",
            "pkg/model.pt": "x", "venv/lib/x": "x",
        },
    )  # fmt: skip
    (tmp_path / "venv/python").symlink_to("/usr/bin/python3")
    folder = open_folder(tmp_path)
    assert hash_of(as_zip(tmp_path)) == hash_of(as_tar(tmp_path)) == folder.hash()
    assert "data" in {each.name for each in folder.entries}
    without_folders = [(each.name, b"x", FILE) for each in folder.entries if each.is_file] + [
        ("data/big", b"x", FILE)
    ]
    assert "pkg/own" not in names_of(zip_of(*without_folders))


def test_a_single_folder_is_the_folder_except_where_the_root_is_told(tmp_path):
    fill(tmp_path, {"mine/pkg/train.py": "x"})
    assert names_of(as_zip(tmp_path)) == ["pkg/train.py"]
    assert names_of(as_tar(tmp_path)) == ["mine/pkg/train.py"]
    beside = zip_of(("mine/a", b"", FILE), ("__MACOSX/mine/._a", b"x", FILE))
    assert names_of(beside) == ["a"]
    assert names_of(zip_of(("train.py", b"x", FILE))) == ["train.py"]


def test_a_name_of_macos_is_utf_8_though_it_does_not_say_so():
    packed = bytearray(zip_of(("müll.py", b"x", FILE)))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        flags = packed.index(signature) + at
        packed[flags + 1] &= 0xF7
    assert names_of(bytes(packed)) == ["müll.py"]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (zip_of(("../a", b"x", FILE)), UnfitName),
        (zip_of(("/etc/a", b"x", FILE)), UnfitName),
        (zip_of(("a", b"x", FILE), ("A", b"x", FILE)), UnfitName),
        (zip_of(("a", b"x", FILE), ("a/b", b"x", FILE)), UnfitName),
        (zip_of(("a", b"../b", LINK), ("b", b"", FILE)), LinkLeadsOutside),
        (zip_of(("a", b"/etc/passwd", LINK)), LinkLeadsOutside),
        (zip_of(("a", b"x", FIFO)), NoPlainFile),
        (zip_of(("a", b"x" * 2000, LINK)), NoPlainFile),
        (zip_of((".gitignore", b"*", FILE), ("a", b"x", FILE)), FolderHasNothing),
        (zip_of(("big", b"0" * 101_000_000, FILE)), CodeIsTooLarge),
    ],
    ids=["up", "root", "capitals", "both", "link", "link away", "pipe", "long", "none", "large"],
)  # fmt: skip
def test_what_would_leave_the_folder_or_fill_the_disk_is_refused(content, refusal):
    with pytest.raises(refusal):
        names_of(content)


def test_what_unpacks_to_much_more_is_refused_while_it_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(code_packer, "MOST_PACKED_BYTES", 3_000_000)
    fill(tmp_path, {".gitignore": "zeros", "zeros": "0" * 9_000_000, "a": "x"})
    content = as_tar(tmp_path)
    assert len(content) < 50_000
    with pytest.raises(PackedFolderIsTooLarge):
        names_of(content)
    assert names_of(as_zip(tmp_path)) == [".gitignore", "a"]  # what is not wanted is not read


def _lie(content: bytes) -> bytes:
    """Return a zip whose only file says of itself that it is small."""
    size = (4_000_000).to_bytes(4, "little")
    assert content.count(size) == 2
    return content.replace(size, (4).to_bytes(4, "little"))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c" + bytes(600), bytes(10_240),
        zip_of(("a", b"x" * 99, FILE))[:-40], _lie(zip_of(("a", b"0" * 4_000_000, FILE))),
    ],
    ids=["empty", "zip", "gzip", "7z", "zeros", "half", "lies"],
)  # fmt: skip
def test_what_is_no_folder_is_refused_with_the_way_out(content, tmp_path):
    (tmp_path / "upload").write_bytes(content)
    with (
        pytest.raises(Refusal, match=r"Pack the folder as \.zip|Check workdir") as caught,
        pack_upload(str(tmp_path / "upload")),
    ):
        pass
    assert caught.value.status == 422


def test_a_zip_with_a_password_is_refused():
    packed = bytearray(zip_of(("a", b"x", FILE)))
    packed[packed.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(NoPackedFolder, match="It is encrypted"):
        names_of(bytes(packed))


def test_another_process_makes_it_and_ends_where_that_takes_too_long(monkeypatch, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(as_zip(fill(tmp_path / "mine", {"train.py": "x", "pkg/a": "y" * 3_000_000})))
    with pack_upload(str(upload)) as pieces:
        made = sha256(b"".join(pieces)).hexdigest()
    assert made == open_folder(tmp_path / "mine").hash()
    upload.write_bytes(zip_of(("a", b"../b", LINK)))
    with pytest.raises(LinkLeadsOutside, match="The link a leads out"), pack_upload(str(upload)):
        pass

    def run(command, **told):
        raise subprocess.TimeoutExpired(command, told["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(NoPackedFolder), pack_upload(str(upload)):
        pass


def test_bytes_that_were_changed_are_refused_or_make_a_folder():
    packed = zip_of(("pkg/a", b"x" * 300, FILE), ("b", b"a", LINK), (".gitignore", b"c*", FILE))
    for at in range(0, len(packed), 7):
        changed = bytearray(packed)
        changed[at] ^= 0xFF
        with suppress(Refusal, *BROKEN):
            hash_of(bytes(changed))
