"""Which folders may be brought along: names and links that stay inside, and not too many."""

from datetime import UTC, datetime

import pytest

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.code_archives import (
    MOST_BYTES,
    MOST_FILES,
    CodeArchive,
    CodeHasTooManyFiles,
    CodeIsTooLarge,
    Entry,
    LinkLeadsOutside,
    UnfitName,
    check_tree,
    choose_for_setup,
    find_hash,
    hash_for_setup,
    say_largest,
    show,
)

HASH = "0123456789abcdef" * 4


def a_file(name: str, **facts: int) -> Entry:
    return Entry(name=name, **facts)


def a_link(name: str, target: str) -> Entry:
    return Entry(name=name, target=target)


def test_a_workdir_names_a_hash_or_a_folder():
    assert find_hash(f"sha256:{HASH}") == HASH
    for other in ("", ".", "code", HASH, "sha256:", f"sha256:{HASH[1:]}", f"sha256:{HASH.upper()}"):
        assert find_hash(other) == ""
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    archive = CodeArchive(
        project_id="p-1",
        sha256=HASH,
        size_bytes=9,
        files=1,
        added_by="ada",
        added_at=now,
        used_at=now,
    )
    assert find_hash(archive.workdir) == HASH


def test_an_ordinary_folder_passes():
    check_tree(
        [
            Entry(name="pkg", is_folder=True),
            a_file("pkg/train.py"),
            a_file("größe/ä b.txt"),
            a_link("pkg/latest", "../größe/./ä b.txt"),
            a_link("here", "."),
            a_link("pkg/deep", "sub//file"),
        ]
    )


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.",
        "a\\b", "a\nb", "a\0b", "tab\t", "\x7f", "x" * 256, "/".join(["y" * 100] * 11), "\udcff",
        "a/" * 50 + "x",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_or_is_none_is_refused(name):
    with pytest.raises(UnfitName):
        check_tree([a_file(name)])


@pytest.mark.parametrize(
    "names",
    [
        ("train.py", "Train.py"),
        ("A/x", "a/y"),
        ("stra\u00dfe", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("x", "x"),
        ("x", "x/y"),
        ("x/y", "x"),
    ],
)
def test_names_that_some_file_system_takes_for_one_are_refused(names):
    with pytest.raises(UnfitName):
        check_tree([a_file(name) for name in names])


def test_nothing_lies_below_a_link():
    with pytest.raises(UnfitName):
        check_tree([a_link("up", "."), a_file("up/x")])


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("x", "/etc/passwd"),
        ("x", ".."),
        ("a/x", "../.."),
        ("a/x", "../../a/y"),
        ("a/b/x", "c/../y"),  # c may be a link, and then its own folder is above
        ("x", ""),
        ("x", "a\\b"),
        ("x", "a\nb"),
        ("x", "\udcff"),
    ],
)
def test_a_link_that_may_lead_outside_is_refused(name, target):
    with pytest.raises(LinkLeadsOutside):
        check_tree([a_link(name, target)])


def test_a_link_leads_to_a_name_as_long_as_any_other_and_no_longer():
    longest = ("x" * 99 + "/") * 9 + "x" * 100
    check_tree([a_link("here", longest)])
    with pytest.raises(UnfitName, match="too long"):
        check_tree([a_link("here", f"{longest}/{longest}")])


@pytest.mark.parametrize(
    ("entries", "refusal"),
    [
        ([a_file(f"f{n}") for n in range(MOST_FILES + 1)], CodeHasTooManyFiles),
        ([a_file(f"d{n}/" + "x/" * 48 + "y") for n in range(201)], CodeHasTooManyFiles),
        ([a_file("a", size_bytes=MOST_BYTES), a_file("b", size_bytes=1)], CodeIsTooLarge),
    ],
)
def test_too_much_is_refused_with_the_way_out(entries: list[Entry], refusal: type[Refusal]):
    with pytest.raises(refusal, match="gitignore"):
        check_tree(entries)
    check_tree(entries[: len(entries) // 2])


def test_what_a_setup_names_is_chosen():
    names = ("a", "pkg/b", "pkg/c", "uv.lock", "x")
    entries = [Entry(name="pkg", is_folder=True), *map(a_file, names), a_link("l", "a")]
    for setup, expected in {
        "true": ["uv.lock"],
        "sh ./a": ["a", "uv.lock"],
        "cd pkg/;pip install x": ["pkg/b", "pkg/c", "uv.lock", "x"],
        "pip install .[dev]": list(names),
    }.items():
        assert [each.name for each in choose_for_setup(setup, entries)] == expected


def test_an_environment_is_known_by_the_files_that_it_is_made_from():
    def hash_of(setup: str, *names: str, content: str = "1") -> str:
        return hash_for_setup(setup, map(a_file, names), lambda _: content)

    assert hash_of("sh a", "a", "b") == hash_of("sh a", "c", "a") != hash_of("sh b", "a", "b")
    assert hash_of("sh a b", "a", "b") == hash_of("sh a b", "b", "a")
    assert hash_of("sh a", "a", content="2") != hash_of("sh a", "a")
    assert hash_of("echo", "a") == ""


def test_the_largest_are_named():
    amounts = {"data": 3100, "runs": 40, "a": 40, "src": 1}
    assert say_largest(amounts, "MB") == "data (3100 MB), a (40 MB), runs (40 MB)"
    assert say_largest({"x\n": 2}) == "x? (2)"
    assert show("\udcff" * 300) == "?" * 200
