"""Backends, against their contract and on their own."""

import pytest

pytest.register_assert_rewrite("tests.backends.contract")
