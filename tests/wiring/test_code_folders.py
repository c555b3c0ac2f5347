"""A folder becomes one archive and the same folder again, whoever made it in whatever order."""

import os
import socket
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.backends.jobs.code import count_entries, hash_for_setup, unpack
from allmende.domain.training.code_archives import (
    CodeHasTooManyFiles,
    CodeIsTooLarge,
    FileNotReadable,
    FolderHasNothing,
    LinkLeadsOutside,
    NoPlainFile,
    NoSuchFolder,
)
from allmende.wiring import code_folders
from allmende.wiring.code_folders import open_folder

LETTERS = st.sampled_from("aB.-_ ü你")
NAMES = st.text(LETTERS, min_size=1, max_size=80).filter(lambda name: name.strip("."))
CONTENTS = st.binary(max_size=1500)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    st.one_of(st.tuples(CONTENTS, st.booleans()), st.just("folder"), st.just("link")),
    min_size=1,
    max_size=8,
)


def fill(folder: Path, tree: dict[str, str]) -> Path:
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def names_of(folder: Path) -> list[str]:
    return [each.name for each in open_folder(folder).entries if not each.is_folder]


def pack(folder: Path, into: Path) -> Path:
    content = b"".join(open_folder(folder).pack())
    archive = into / sha256(content).hexdigest()
    archive.write_bytes(content)
    return archive


def look_at(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


@settings(max_examples=40, deadline=None)
@given(tree=TREES, order=st.randoms(use_true_random=False))
def test_unpacked_it_is_the_same_tree_and_only_that_decides_on_the_hash(
    tree, order, tmp_path_factory
):
    top = tmp_path_factory.mktemp("trees")
    items = [item for item in tree.items() if _fits(item[0], tree)]
    first, second = _build(top / "1", items), _build(top / "2", order.sample(items, len(items)))
    for path in second.rglob("*"):
        os.utime(path, (1, order.randrange(10**9)), follow_symlinks=False)
    archive = pack(first, top)
    assert open_folder(second).hash() == archive.name
    unpack(archive, top / "3")
    assert look_at(top / "3") == look_at(first)
    assert count_entries(archive) == len(look_at(first))
    with tarfile.open(archive) as read_by_others:
        assert {each.name for each in read_by_others} == look_at(first).keys()


def _fits(parts: tuple[str, ...], tree: dict[tuple[str, ...], object]) -> bool:
    """Leave out what no folder can hold at once, on this file system or another one."""
    earlier = list(tree)[: list(tree).index(parts)]
    own = [part.casefold() for part in parts]
    return not any(own[0] == other[0].casefold() for other in earlier)


def _build(folder: Path, items) -> Path:
    folder.mkdir()
    (folder / "always").write_text("here")
    for parts, what in items:
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        if what == "folder":
            path.mkdir()
        elif what == "link":
            path.symlink_to("../" * (len(parts) - 1) + "always")
        else:
            path.write_bytes(what[0])
            path.chmod(0o750 if what[1] else 0o640)
    return folder


def test_gitignore_is_respected_as_git_does(tmp_path):
    fill(
        tmp_path,
        {
            ".git/HEAD": "x", ".gitignore": "*.pt\n/data/\n!keep.pt\n__pycache__\n# note\n\nb*\n",
            "train.py": "x", "model.pt": "x", "keep.pt": "x", "data/big": "x", "pkg/data/small": "",
            "pkg/__pycache__/a.pyc": "x", "pkg/.gitignore": "!model.pt\n/own\n", "pkg/own": "x",
            "pkg/model.pt": "x", "build/x": "x", "sub/.git": "gitdir: elsewhere", "sub/own": "x",
        },
    )  # fmt: skip
    assert names_of(tmp_path) == [
        ".gitignore", "keep.pt", "pkg/.gitignore", "pkg/data/small", "pkg/model.pt", "sub/own",
        "train.py",
    ]  # fmt: skip


def test_a_folder_of_a_repository_heeds_what_the_repository_leaves_out(tmp_path):
    repository = fill(tmp_path / "r", {".git/HEAD": "", ".gitignore": "*.pt\n", "code/a.pt": ""})
    fill(repository, {"code/a.py": ""})
    fill(tmp_path, {".gitignore": "*.py\n"})  # outside of the repository: nobody's
    assert names_of(repository / "code") == ["a.py"]


def test_what_cannot_come_along_is_refused_by_its_name(tmp_path):
    fill(tmp_path, {"code/a": "x"})
    (tmp_path / "code/out").symlink_to(tmp_path)
    with pytest.raises(LinkLeadsOutside, match="out"):
        open_folder(tmp_path / "code")
    (tmp_path / "code/out").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "code/sock"))
    with pytest.raises(NoPlainFile, match="sock"):
        open_folder(tmp_path / "code")
    (tmp_path / "code/.gitignore").write_text("sock\n")
    assert names_of(tmp_path / "code") == [".gitignore", "a"]
    (tmp_path / "code/.gitignore").write_text("!\n")
    with pytest.raises(FileNotReadable, match="gitignore"):
        open_folder(tmp_path / "code")


def test_a_folder_that_is_not_there_or_has_nothing_is_refused(tmp_path):
    with pytest.raises(NoSuchFolder):
        open_folder(tmp_path / "none")
    fill(tmp_path, {"a/x": "", "a/.gitignore": "*\n"})
    with pytest.raises(FolderHasNothing):
        open_folder(tmp_path / "a")


def test_too_much_is_refused_with_what_is_largest(tmp_path, monkeypatch):
    fill(tmp_path, {"data/one": "x" * 900, "data/two": "x" * 900, "train.py": "x" * 200})
    monkeypatch.setattr(code_folders, "MOST_BYTES", 1999)
    with pytest.raises(CodeIsTooLarge, match=r"data \(1 MB\), train.py \(1 MB\)"):
        open_folder(tmp_path)
    monkeypatch.setattr(code_folders, "MOST_FILES", 3)
    with pytest.raises(CodeHasTooManyFiles, match=r"data \(3\), train.py \(1\)"):
        open_folder(tmp_path)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path):
    fill(tmp_path, {"a": "x"})
    folder = open_folder(tmp_path)
    for changed in ("xx", ""):
        (tmp_path / "a").write_text(changed)
        with pytest.raises(FileNotReadable, match="changed meanwhile"):
            folder.hash()
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotReadable, match="No such file"):
        folder.hash()


def test_an_environment_depends_on_the_files_that_its_setup_names(tmp_path):
    def hash_with(setup: str, **changes: str) -> str:
        names = ("requirements_dev", "install", "pkg/a", "other")
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        fill(folder, {name: changes.get(name, "") for name in names})
        return hash_for_setup(pack(folder, tmp_path), setup)

    whole = hash_with("pip install -e '.[dev]'")
    assert whole != hash_with("pip install -e '.[dev]'", other="x")
    named = hash_with("sh ./install; cd pkg/")
    assert named == hash_with("sh ./install; cd pkg/", other="x")
    for name in ("install", "requirements_dev"):
        assert named != hash_with("sh ./install; cd pkg/", **{name: "x"})
    assert named != hash_with("sh ./install; cd pkg/", **{"pkg/a": "x"})
    assert hash_for_setup(tmp_path / "gone", "") == ""
