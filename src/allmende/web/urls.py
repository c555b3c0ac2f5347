"""Every address of the portal; the pages of one noun stand in one file."""

from django.urls import include, path

from allmende.web.pages import appearance, duties, front, sites

handler400 = "allmende.web.errors.bad_request"
handler403 = "allmende.web.errors.permission_denied"
handler404 = "allmende.web.errors.page_not_found"
handler500 = "allmende.web.errors.server_error"

urlpatterns = [
    path("", front.show_front, name="front"),
    path("sites", sites.show_sites, name="sites"),
    path("check", sites.show_sites, name="check"),
    path("apply", sites.show_sites, name="apply"),
    path("home", sites.show_sites, name="home"),
    path("rules", sites.show_sites, name="rules"),
    path("audit", sites.show_sites, name="audit"),
    path("programme", sites.show_sites, name="programme"),
    path("promises", sites.show_sites, name="promises"),
    path("promises/<str:promise_id>", sites.show_sites, name="promise"),
    path("help", duties.show_help, name="help"),
    path("barrierefreiheit", duties.show_accessibility, name="accessibility"),
    path("datenschutz", duties.show_privacy, name="privacy"),
    path("impressum", duties.show_imprint, name="imprint"),
    path("language/<str:language>", appearance.choose_language, name="language"),
    path("theme/<str:theme>", appearance.choose_theme, name="theme"),
    path("account/", include("allauth.account.urls")),
]
