"""Organisations: registering one, and the figures that decide on its size class."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import PUBLIC
from allmende.services import organisations
from allmende.web.acting import begin_deed, get_person
from allmende.web.errors import ask_to_sign_in
from allmende.web.forms.eligibility import read_ownership
from allmende.web.forms.organisations import FiguresForm, OrganisationForm
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules


def new_organisation(request: HttpRequest) -> HttpResponse:
    """Register an organisation, with what the eligibility check learned already."""
    if get_person(request) is PUBLIC:
        return ask_to_sign_in(request)
    data = request.POST if request.method == "POST" else None
    form = OrganisationForm(data, initial=request.GET.dict())
    if form.is_valid():
        organisation = organisations.register_organisation(
            begin_deed(request),
            name=form.cleaned_data["name"],
            kind=form.organisation_kind(),
            country=form.cleaned_data["country"],
            is_start_up=form.is_start_up(),
            nace_code=form.cleaned_data["nace_code"],
            vat_number=form.cleaned_data["vat_number"],
        )
        onward = "figures" if organisation.is_enterprise else ""
        address = reverse(onward, args=[organisation.id]) if onward else reverse("apply")
        return redirect(f"{address}?{request.GET.urlencode()}")
    status = 422 if form.errors else 200
    return render(request, "organisations/new.html", {"form": form}, status=status)


def show_figures(request: HttpRequest, organisation_id: str) -> HttpResponse:
    """Ask for the figures of an enterprise, and show the size class that follows from them."""
    organisation = organisations.get_organisation(get_person(request), organisation_id)
    if request.method == "GET" and request.GET.get("graph"):  # from the size calculator
        query = request.GET.copy()
        query["organisation"] = organisation_id
        return redirect(f"{reverse('size')}?{query.urlencode()}")
    data = request.POST if request.method == "POST" else None
    form = FiguresForm(data, initial=request.GET.dict())
    if form.is_valid():
        ownership = read_ownership(form.cleaned_data, on=day_of(now()), firm_id=organisation_id)
        organisations.update_figures(
            begin_deed(request), organisation_id, ownership=ownership, rules=load_access_rules()
        )
        return redirect(f"{reverse('apply')}?{request.GET.urlencode()}")
    context = {"form": form, "organisation": organisation}
    status = 422 if form.errors else 200
    return render(request, "organisations/figures.html", context, status=status)
