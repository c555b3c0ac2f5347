"""Storage as a Django app: its tables, and the triggers that keep records immutable."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StorageConfig(AppConfig):
    """The one app with tables of our own."""

    name = "allmende.storage"
    label = "storage"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the immutability triggers after every migration."""
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(**_: Any) -> None:
    from allmende.storage import immutability  # noqa: PLC0415 - models must be loaded first

    immutability.install_triggers()
