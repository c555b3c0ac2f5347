"""The size calculator: who owns whom stands in the address; nothing is kept until it is saved."""

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from allmende.domain.access.firms import (
    Firm,
    FirmKind,
    Holding,
    OwnershipGraph,
    YearFigures,
    check_graph,
    rename_firm,
)
from allmende.domain.access.snapshots import render_canonical
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import eligibility, organisations
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.eligibility import SizeQuestion, read_ownership
from allmende.web.forms.ownership import (
    KINDS,
    FirmForm,
    HoldingForm,
    KindForm,
    drop_firm,
    drop_holding,
    initial_of_firm,
    initial_of_holding,
    new_id,
    put_firm,
)
from allmende.web.owner_pictures import draw_owners
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import translate
from allmende.wiring.ownership_files import pack_graph, read_ownership_file, unpack_graph

# What the calculator puts into its addresses; the rest of them belongs to the check.
OWN_PARTS = frozenset({"graph", "kind_of", "firm", "holding", "drop"})


def show_size(request: HttpRequest) -> HttpResponse:
    """Show firms, picture and computation; take a file, or take one of them out."""
    graph, error = _read_graph(request), ""
    if request.GET.get("drop"):
        return redirect(_address(request, "size", _drop(request, graph)))
    if request.method == "POST" and (file := request.FILES.get("file")):
        try:
            taken = read_ownership_file(file.read(), name=file.name or "")
            check_graph(taken, on=day_of(now()))
            return redirect(_address(request, "size", taken))
        except InvalidInput as refusal:
            error = translate(refusal.sentence)
    context = {**_describe(request, graph), "error": error}
    return render(request, "check/size.html", context, status=422 if error else 200)


def edit_firm(request: HttpRequest) -> HttpResponse:
    """Ask what to add, and then what there is to know of it."""
    graph = _read_graph(request)
    known = graph.find(request.GET.get("firm", ""))
    kind = known.kind if known else _kind_of(request)
    if kind is None:
        context = {
            "form": KindForm(),
            "carried": _carried(request, graph),
            "back": _address(request, "size", graph),
        }
        return render(request, "check/kind.html", context)
    data = request.POST if request.method == "POST" else None
    initial = initial_of_firm(known) if known else None
    form = FirmForm(data, kind=kind, on=day_of(now()), initial=initial)
    if form.is_valid():
        changed = _try(form, lambda: put_firm(graph, _with_older_years(form, known, graph)))
        if changed is not None:
            return redirect(_address(request, "size", changed))
    context = {
        "form": form,
        "back": _address(request, "size", graph),
        "title": known.name if known else dict(KINDS)[kind],
    }
    return render(request, "check/firm.html", context, status=422 if form.errors else 200)


def edit_holding(request: HttpRequest) -> HttpResponse:
    """Ask who holds how much of whom."""
    graph = _read_graph(request)
    known = _holding_of(request, graph)
    data = request.POST if request.method == "POST" else None
    others = graph.firms[1:2]
    initial = (
        initial_of_holding(known)
        if known
        else {"owner": others[0].id if others else "", "owned": graph.firms[0].id}
    )
    form = HoldingForm(data, graph=graph, initial=initial)
    if form.is_valid():
        rest = drop_holding(graph, known)
        changed = _try(form, lambda: replace(rest, holdings=(*rest.holdings, form.read_holding())))
        if changed is not None:
            return redirect(_address(request, "size", changed))
    context = {"form": form, "back": _address(request, "size", graph)}
    return render(request, "check/holding.html", context, status=422 if form.errors else 200)


def download_graph(request: HttpRequest) -> HttpResponse:
    """Hand the firms over as a file that this page, the API and the command line read."""
    answer = HttpResponse(render_canonical(_read_graph(request)), content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="ownership.json"'
    return answer


def save_graph(request: HttpRequest, organisation_id: str) -> HttpResponse:
    """Make the firms of the calculator the figures of an organisation of one's own."""
    organisations.get_organisation(get_person(request), organisation_id)
    graph = _read_graph(request)
    if request.method != "POST":
        return redirect(_address(request, "size", graph, organisation=organisation_id))
    ownership = rename_firm(graph, graph.firms[0].id, organisation_id)
    organisations.update_figures(
        begin_deed(request), organisation_id, ownership=ownership, rules=load_access_rules()
    )
    rest = {name: value for name, value in _rest(request) if name != "organisation"}
    return redirect(f"{reverse('apply')}?{urlencode(rest)}")


def _read_graph(request: HttpRequest) -> OwnershipGraph:
    """Return the graph of the address, or a first one from what is known already."""
    if letters := request.GET.get("graph"):
        graph = unpack_graph(letters)
        check_graph(graph, on=day_of(now()))
        return graph
    if organisation_id := request.GET.get("organisation"):
        organisation = organisations.get_organisation(get_person(request), organisation_id)
        if organisation.ownership is not None:
            own = [f for f in organisation.ownership.firms if f.id == organisation_id]
            others = [f for f in organisation.ownership.firms if f.id != organisation_id]
            return replace(organisation.ownership, firms=(*own, *others))
        return OwnershipGraph(firms=(Firm(id=organisation_id, name=organisation.name),))
    answers = SizeQuestion(request.GET)
    if answers.is_valid():
        data = {**answers.cleaned_data, "owner": "no"}
        return read_ownership(data, on=day_of(now()))
    return OwnershipGraph(firms=(Firm(id="own", name=_("your company")),))


def _drop(request: HttpRequest, graph: OwnershipGraph) -> OwnershipGraph:
    if request.GET["drop"] == "holding":
        return drop_holding(graph, _holding_of(request, graph))
    firm_id = request.GET.get("firm", "")
    return graph if firm_id == graph.firms[0].id else drop_firm(graph, firm_id)


def _holding_of(request: HttpRequest, graph: OwnershipGraph) -> Holding | None:
    """Return the holding that the address names by its place, or None."""
    place = request.GET.get("holding", "")
    is_place = place.isdecimal() and len(place) < 5 and int(place) < len(graph.holdings)
    return graph.holdings[int(place)] if is_place else None


def _kind_of(request: HttpRequest) -> FirmKind | None:
    try:
        return FirmKind(request.GET.get("kind_of", ""))
    except ValueError:
        return None


def _with_older_years(form: FirmForm, known: Firm | None, graph: OwnershipGraph) -> Firm:
    """Return the firm of a form, which asks for two years, with the older ones as they were."""
    firm = form.read_firm(known.id if known else new_id(graph))
    older: tuple[YearFigures, ...] = known.years[2:] if known and len(firm.years) == 2 else ()
    return replace(firm, years=(*firm.years, *older))


def _try(form: forms.Form, change: Any) -> OwnershipGraph | None:
    """Return the changed graph, or None with the reason at the form."""
    try:
        changed: OwnershipGraph = change()
        check_graph(changed, on=day_of(now()))
    except InvalidInput as refusal:
        field, problem = str(refusal.facts["field"]), refusal.facts["problem"]
        text = translate(problem) if isinstance(problem, Sentence) else str(problem)
        form.add_error(field if field in form.fields else None, text[:1].upper() + text[1:])
        return None
    return changed


def _describe(request: HttpRequest, graph: OwnershipGraph) -> dict[str, Any]:
    result = eligibility.find_size(graph, rules=load_access_rules(), on=day_of(now()))
    firms = {firm.id: firm for firm in graph.firms}
    kinds = dict(KINDS)
    organisation = request.GET.get("organisation", "")
    reader = get_person(request)
    return {
        "result": result,
        "wide": draw_owners(graph, result.counted, across=4),
        "narrow": draw_owners(graph, result.counted, across=2),
        "rows": [
            {
                "counted": each,
                "kind": kinds[firms[each.firm_id].kind],
            }
            for each in result.counted
        ],
        "holdings": [
            {
                "holding": h,
                "owner": firms[h.owner_id].name,
                "owned": firms[h.owned_id].name,
            }
            for h in graph.holdings
        ],
        "carried": _carried(request, graph),
        "add_firm": _address(request, "size_firm", graph),
        "add_holding": _address(request, "size_holding", graph),
        "download": _address(request, "size_file", graph),
        "here": _address(request, "size", graph),
        "check": _address(request, "check", graph),
        "organisation": organisations.get_organisation(reader, organisation)
        if organisation and reader is not PUBLIC
        else None,
        "save": f"{reverse('size_save', args=[organisation])}?{_query(request, graph)}"
        if organisation
        else "",
    }


def _rest(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what the address says besides the firms: the answers of the check."""
    return [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in OWN_PARTS
    ]


def _carried(request: HttpRequest, graph: OwnershipGraph) -> list[tuple[str, str]]:
    return [*_rest(request), ("graph", pack_graph(graph))]


def _query(request: HttpRequest, graph: OwnershipGraph, **more: str) -> str:
    return urlencode([*_carried(request, graph), *more.items()])


def _address(request: HttpRequest, name: str, graph: OwnershipGraph, **more: str) -> str:
    return f"{reverse(name)}?{_query(request, graph, **more)}"
