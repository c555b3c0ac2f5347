"""Storage is tested on both databases."""

from tests.postgresql import empty_postgresql_url, postgresql_url

__all__ = ["empty_postgresql_url", "postgresql_url"]
