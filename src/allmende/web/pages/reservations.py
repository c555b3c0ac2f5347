"""Reservations: what is announced, a form for those who may, and cancelling."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.reservations import ReservationKind, ReservationState
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import reservations
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.reservations import MAINTENANCE, POWER_CAP, PROJECT, ReservationForm
from allmende.wiring import now
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate

PAGE_SIZE = 50
ALIVE = (ReservationState.ANNOUNCED, ReservationState.OPEN)


def show_reservations(request: HttpRequest) -> HttpResponse:
    """Show what is announced, and announce more."""
    reader = get_person(request)
    after = request.GET.get("after", "")
    kinds = _kinds(reader)
    form = None
    if kinds:
        data = request.POST if request.method == "POST" else None
        form = ReservationForm(data, factory=load_factory(), kinds=kinds)
    if form is not None and form.is_valid():
        deed = begin_deed(request)
        try:
            reservations.announce(deed, form.to_announcement(deed.now), factory=load_factory())
        except Refusal as refusal:
            form.add_error(None, translate(refusal.sentence))
        else:
            return redirect("reservations")
    found = reservations.list_reservations(reader, now=now(), after=after, limit=PAGE_SIZE)
    context = {
        "form": form,
        "views": [(view, _may_cancel(view, kinds)) for view in found],
        "more": found[-1].reservation.id if len(found) == PAGE_SIZE else "",
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "reservations.html", context, status=status)


@require_POST
def cancel_reservation(request: HttpRequest, reservation_id: str) -> HttpResponse:
    """Cancel a reservation."""
    reservations.cancel(begin_deed(request), reservation_id)
    return redirect("reservations")


def _kinds(reader: Person) -> tuple[str, ...]:
    """Return what the reader may announce."""
    if not can_do(reader, Permission.RESERVE_NODES):
        return ()
    if can_do(reader, Permission.MANAGE_NODES):
        return (MAINTENANCE, POWER_CAP, PROJECT)
    return (PROJECT,)


def _may_cancel(view: reservations.ReservationView, kinds: tuple[str, ...]) -> bool:
    return view.state in ALIVE and ReservationKind(view.reservation.kind).value in kinds
