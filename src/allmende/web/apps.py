"""The web as a Django app: its template tags; it has no tables."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages and their tags."""

    name = "allmende.web"
    label = "web"
