"""Jobs as real processes on virtual nodes of this machine."""

from allmende.backends.local.backend import LocalBackend

__all__ = ["LocalBackend"]
