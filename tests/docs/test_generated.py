"""Pages that are made from the code say what the code says."""

from tools import docs


def test_no_generated_page_is_stale():
    assert docs.stale_pages() == []
