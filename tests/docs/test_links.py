"""Every link leads somewhere, and every page can be found from the index."""

from urllib.parse import unquote

import pytest

from tests.docs.pages import PROJECT, list_pages, read_anchors, read_links


def name_of(page):
    return str(page.relative_to(PROJECT))


@pytest.mark.parametrize("path", list_pages(), ids=name_of)
def test_every_relative_link_and_anchor_exists(path):
    broken = []
    for link in read_links(path):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name).resolve() if name else path
        exists = target.exists()
        if not exists or (anchor and anchor not in read_anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_lists_every_page_once():
    index = PROJECT / "docs/README.md"
    linked = [(index.parent / link).resolve() for link in read_links(index)]
    inside = [page for page in linked if page.is_relative_to(index.parent)]
    assert sorted(inside) == sorted(page for page in index.parent.rglob("*.md") if page != index)
