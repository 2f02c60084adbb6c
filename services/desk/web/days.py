"""Rosters, routes, the doctor's own day, and who drops out of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homecall.contract.events import RosterDoctor, RosterPublished, VisitReported
from homecall.contract.events.shared import Interval
from homecall.contract.types import clock_text
from homecall.documents.routes.plan import RADIUS, drawn
from homecall.documents.routes.routes import DayRoutes, Route, Stop, Who
from homecall.runtime.failures import Transient
from homecall.standard.places import located
from homecall.texts.language import name
from services.desk.domain import forms
from services.desk.domain.board import row_of
from services.desk.domain.call import Call
from services.desk.domain.moves import moves
from services.desk.domain.reader import WrongForm
from services.desk.domain.roster import with_starts
from services.desk.web.calls import DoneOtherwise, day_asked, do
from services.desk.web.site import Form, Page, Refuse, Site, Visitor, html

_WIDTH: Final = 640.0
_HEIGHT: Final = 320.0


# --------------------------------------------------------------------------------------------------------- rosters


async def roster(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The roster of a day, to be changed; a day without one begins with the last one that there was."""
    del form
    on = day_asked(request.path_params["date"], visitor.today)
    return await _roster_page(site, visitor, on)


async def _roster_page(
    site: Site,
    visitor: Visitor,
    on: date,
    wrong: dict[str, str] | None = None,
    typed: Form | None = None,
    status: int = 200,
) -> Response:
    found = await site.stores.rosters.of_day(visitor.clinic_id, on)
    published = found.published if found else None
    like = published or await site.stores.rosters.last_before(visitor.clinic_id, on)
    clinic = site.clinics.get(visitor.clinic_id)
    return html(
        site,
        visitor,
        "roster.html",
        status=status,
        on=on,
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
        published=published,
        lines=_typed_lines(typed) if typed else _lines(like),
        revision=(typed or {}).get("revision", [str(published.revision if published else -1)])[0],
        visit_minutes=(typed or {}).get("visit_minutes", [str(like.visit_minutes if like else 20)])[0],
        travel_minutes=(typed or {}).get("travel_minutes", [str(like.travel_minutes if like else 10)])[0],
        absences=found.absences if found else (),
        names=found.names if found else {},
        districts=[each.district_id for each in clinic.districts] if clinic else [],
        **await _moved(site, visitor, on),
        wrong=wrong or {},
    )


def _lines(found: RosterPublished | None) -> list[dict[str, str]]:
    doctors: list[RosterDoctor] = found.doctors if found else []
    return [
        {
            "doctor_id": each.doctor_id,
            "full_name": each.full_name,
            "specialty": each.specialty,
            "districts": " ".join(each.districts),
            "shift_from": clock_text(each.shift.frm),
            "shift_to": clock_text(each.shift.to),
            "breaks": ", ".join(f"{clock_text(pause.frm)}-{clock_text(pause.to)}" for pause in each.breaks),
            "max_visits": str(each.max_visits),
            "on_duty": "1" if each.on_duty else "",
        }
        for each in doctors
    ]


def _typed_lines(form: Form) -> list[dict[str, str]]:
    on_duty = set(form.get("on_duty", ()))
    lines = [
        {field: _nth(form, field, line) for field in forms.DOCTOR_FIELDS}
        for line in range(len(form.get("doctor_id", ())))
    ]
    return [{**line, "on_duty": "1" if line["doctor_id"] in on_duty else ""} for line in lines]


def _nth(form: Form, field: str, line: int) -> str:
    values = form.get(field, [])
    return values[line] if line < len(values) else ""


async def write_roster(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Publish the roster as it was typed, one revision above the one that the form was drawn from."""
    on = day_asked(request.path_params["date"], visitor.today)
    try:
        event = forms.roster(on, form, visitor.user, visitor.now, visitor.zone)
    except WrongForm as error:
        return await _roster_page(site, visitor, on, error.fields, form, 422)
    found = await site.stores.rosters.of_day(visitor.clinic_id, on)
    before = found.published if found else None
    event = with_starts(event, before or await site.stores.rosters.last_before(visitor.clinic_id, on))
    if found is not None and found.revision >= event.revision:
        return await _roster_page(site, visitor, on, {"revision": "roster_changed"}, form, 409)
    try:
        await do(site, visitor, event, action_id=f"{visitor.clinic_id} {on} roster {event.revision}")
    except DoneOtherwise:
        return await _roster_page(site, visitor, on, {"revision": "roster_changed"}, form, 409)
    except Transient:
        return await _roster_page(site, visitor, on, {"revision": "database_away"}, form, 503)
    return RedirectResponse(f"/rosters/{on.isoformat()}?sent=1", 303)


async def unavailable(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """A doctor makes no more visits that day: the scheduler moves them, and the page lists whom to phone."""
    on = day_asked(request.path_params["date"], visitor.today)
    try:
        event = forms.unavailable(on, form, visitor.user, visitor.now, visitor.zone)
    except WrongForm as error:
        return await _roster_page(site, visitor, on, error.fields, None, 422)
    # Of one roster a doctor drops out at one time once; a later roster may have them back. The roster is the one that
    # the form was drawn from: when the form is sent again after a lost answer, there may be a newer one.
    revision = (form.get("revision") or [""])[0] or await _revision(site, visitor, on)
    await do(site, visitor, event, action_id=f"{visitor.clinic_id} {on} {event.doctor_id} {event.frm} {revision}")
    return RedirectResponse(f"/rosters/{on.isoformat()}#moved", 303)


async def _revision(site: Site, visitor: Visitor, on: date) -> str:
    found = await site.stores.rosters.of_day(visitor.clinic_id, on)
    return str(found.revision if found else -1)


async def _moved(site: Site, visitor: Visitor, on: date) -> dict[str, Any]:
    """Whose visits of that day were moved, and who of the clinic has phoned them: what the part `moved.html` shows."""
    found = moves(await site.stores.calls.moved(visitor.clinic_id, on), on, site.sms_statuses)
    ticks = await site.stores.ticks.of([each.key for each in found])
    names = {key: user.full_name if (user := site.users.get(name)) else name for key, name in ticks.items()}
    found.sort(key=lambda each: (each.key in ticks, each.sms_to is not None))
    return {"moved": found, "ticks": names, "to_phone": sum(not (m.sms_to or m.key in ticks) for m in found)}


async def tick(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Somebody has phoned about a moved visit, or has not after all; all browsers of the clinic see it."""
    on = day_asked(request.path_params["date"], visitor.today)
    move, told = (form.get("move") or [""])[0], bool((form.get("told") or [""])[0])
    request_id = move.partition(" ")[0]
    kept = (await site.stores.calls.load([request_id])).get(request_id)
    call = kept.state if kept is not None else None
    known = moves([call], on, ()) if call is not None and call.clinic_id == visitor.clinic_id else []
    if move not in {each.key for each in known}:
        raise Refuse(404, "no_such_call")
    await site.stores.ticks.put(move, visitor.clinic_id, visitor.user.name, told=told)
    site.live.changed()
    return RedirectResponse(f"/rosters/{on.isoformat()}#moved", 303)


# ---------------------------------------------------------------------------------------------------------- routes


async def routes(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The doctors' visits of a day: on a timeline, on a map, and as lists to print."""
    del form
    text, _, kind = request.path_params["date"].partition(".")
    on = day_asked(text, visitor.today)
    day = await day_routes(site, visitor, on)
    if kind == "pdf":
        from homecall.documents.routes import as_pdf

        return Response(as_pdf.write(day, visitor.language), media_type="application/pdf")
    if kind:
        raise Refuse(404, "no_such_page")
    return html(
        site,
        visitor,
        "routes.html",
        on=on,
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
        day=day,
        plans={route.doctor_id: drawn(route, _WIDTH, _HEIGHT) for route in day.routes},
        width=_WIDTH,
        height=_HEIGHT,
        radius=RADIUS,
        hours=list(range(7, 22)),
        minutes=lambda at: (at.hour - 7) * 60 + at.minute,
    )


async def day_routes(site: Site, visitor: Visitor, on: date) -> DayRoutes:
    """The day's visits by doctor, in the order of their windows: what the desk has heard of them."""
    zone, clinic = visitor.zone, site.clinics.get(visitor.clinic_id)
    found = await site.stores.rosters.of_day(visitor.clinic_id, on)
    calls = await site.stores.calls.to_visit(visitor.clinic_id, on)
    published = found.published if found else None
    by_doctor: dict[str, list[Call]] = {each.doctor_id: [] for each in (published.doctors if published else [])}
    for call in calls:
        if call.place is not None and "cancelled" not in call.kept:
            by_doctor.setdefault(call.place.doctor.doctor_id, []).append(call)
    away = {each.doctor_id: _at(on, time.fromisoformat(each.since), zone) for each in (found.absences if found else ())}
    known = {each.doctor_id: each for each in (published.doctors if published else [])}
    lists = [
        _route(doctor_id, found_calls, known.get(doctor_id), away.get(doctor_id), on, zone)
        for doctor_id, found_calls in by_doctor.items()
    ]
    registered = await site.stores.calls.of_register(visitor.clinic_id, on)
    waiting = [call for call in registered if row_of(call).standing == "unplaced"]
    return DayRoutes(
        visitor.clinic_id,
        name(clinic.name.kk, clinic.name.ru) if clinic else None,
        on,
        tuple(lists),
        tuple(_who(call) for call in waiting),
    )


def _route(
    doctor_id: str, calls: list[Call], doctor: RosterDoctor | None, away: datetime | None, on: date, zone: ZoneInfo
) -> Route:
    calls = sorted(calls, key=lambda call: call.place.arrives_from if call.place else datetime.max.replace(tzinfo=zone))
    place = calls[0].place if calls else None
    start = located(doctor.start.lat, doctor.start.lon) if doctor and doctor.start else None
    return Route(
        doctor_id=doctor_id,
        full_name=doctor.full_name if doctor else place.doctor.full_name if place else doctor_id,
        specialty=doctor.specialty if doctor else place.doctor.specialty if place else "",
        shift=_shift(doctor.shift, on, zone) if doctor else None,
        breaks=tuple(_shift(each, on, zone) for each in doctor.breaks) if doctor else (),
        start=start,
        away_from=away,
        stops=tuple(_stop(number, call, zone) for number, call in enumerate(calls, start=1)),
    )


def _shift(shift: Interval, on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return _at(on, shift.frm, zone), _at(on, shift.to, zone)


def _at(on: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, clock, zone)


def _stop(number: int, call: Call, zone: ZoneInfo) -> Stop:
    place, row, who = call.place, row_of(call), _who(call)
    assert place is not None
    begins = place.arrives_from.astimezone(zone)
    return Stop(
        order=number,
        who=who,
        planned_at=begins,
        arrives_from=begins,
        arrives_to=place.arrives_to.astimezone(zone),
        urgent=row.urgent,
        spot=located(who.address.lat, who.address.lon) if who.address else None,
        outcome=row.outcome or None,
    )


def _who(call: Call) -> Who:
    row, decision = row_of(call), call.decision
    patient = decision.patient if decision else None
    return Who(
        request_id=call.request_id,
        patient=row.patient,
        phone=row.phone,
        age=patient.age_years if patient else None,
        address=decision.address if decision else None,
        reasons=tuple(row.reasons),
        note=(decision.note if decision else None) or "",
        temperature_c=decision.temperature_c if decision else None,
        register_number=row.number,
    )


# ------------------------------------------------------------------------------------------------ the doctor's day


async def today(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The doctor's own visits of today, the next one first: to call, to find, and to report."""
    del request, form
    calls = await site.stores.calls.to_visit(visitor.clinic_id, visitor.today)
    mine = [call for call in calls if call.place and call.place.doctor.doctor_id == visitor.user.doctor_id]
    mine = [call for call in mine if "cancelled" not in call.kept]
    ids = [call.request_id for call in mine]
    # Also what nobody has heard of yet.
    done = await site.stores.actions.done_to(ids, visitor.clinic_id, VisitReported.TYPE)
    shown = [
        (row_of(call), call.decision, call.place, call.request_id in done or call.heard_of(VisitReported.TYPE))
        for call in mine
    ]
    shown.sort(key=lambda each: (each[0].over or each[3], each[2].arrives_from if each[2] else visitor.now))
    left = sum(not (row.over or reported) for row, _, _, reported in shown)
    return html(site, visitor, "today.html", visits=shown, left=left, on=visitor.today)


PAGES: Final = (
    Page("/rosters/{date}", "roster", "write_rosters", roster),
    Page("/rosters/{date}", "roster", "write_rosters", write_roster, "POST"),
    Page("/rosters/{date}/unavailable", "unavailable", "write_rosters", unavailable, "POST"),
    Page("/rosters/{date}/told", "told", "write_rosters", tick, "POST"),
    Page("/routes/{date}", "routes", "see_routes", routes),
    Page("/today", "today", "see_own_list", today),
)
