"""What was made elsewhere is unchanged, licensed, and the only thing that pages load."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
WEB = PROJECT / "src/allmende/web"
FOLDERS = (
    WEB / "static/vendor",
    PROJECT / "src/allmende/wiring/vendor",
    PROJECT / "tests/vendor",
)
LICENCES = {"OFL-1.1", "0BSD", "MIT", "MPL-2.0", "Apache-2.0", "Bitstream-Vera"}
LOADED = re.compile(
    r"""(?:src|srcset|action|data)=["']https?://|<link[^>]+https?://|url\(.?https?:"""
)


@pytest.mark.parametrize("folder", FOLDERS, ids=["web", "wiring", "tests"])
def test_vendored_files_are_those_of_the_list(folder: Path):
    listed = tomllib.loads((folder / "vendor.toml").read_text())["packages"]
    expected = {
        f"{package['folder']}/{name}": digest
        for package in listed
        for name, digest in package["sha256"].items()
    }
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "vendor.toml"
    }
    assert found == expected


@pytest.mark.parametrize("folder", FOLDERS, ids=["web", "wiring", "tests"])
def test_every_vendored_package_brings_its_licence(folder: Path):
    for package in tomllib.loads((folder / "vendor.toml").read_text())["packages"]:
        assert "LICENSE" in package["sha256"]
        assert package["licence"] in LICENCES


OWN_FILES = [
    path
    for pattern in ("templates/**/*.html", "templates/**/*.svg", "static/css/*.css", "static/js/*")
    for path in sorted(WEB.glob(pattern))
]


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path):
    assert LOADED.search(path.read_text()) is None


@pytest.mark.parametrize(
    "path", sorted(WEB.glob("templates/**/*.html")), ids=lambda path: path.name
)
def test_no_template_has_style_or_script_inline(path: Path):
    text = path.read_text()
    assert " style=" not in text
    assert "<style" not in text
    assert re.search(r"<script(?![^>]* src=)", text) is None
    assert re.search(r"""\son\w+=["']""", text) is None
