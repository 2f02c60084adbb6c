"""Server-sent events: what changed, by kind and id, and the rows of the board for who may see it.

All else that it shows a page fetches, so that rights are asked there. Rows are sent, since every browser of the clinic
would fetch the same at the same moment; rights are asked before each word.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.desk.domain.roles import ALL_CLINICS
from services.desk.live import changed, message, now_ms
from services.desk.web.drawn import pushed_rows
from services.desk.web.site import Form, Page, Site, Visitor, still, visitor_of

HEARTBEAT_SECONDS: Final = 15.0
CATCH_UP_MS: Final = 24 * 3600 * 1000
"""How long ago a browser may have heard last and still catch up change by change; later it draws its page again."""
_RETRY_MS: Final = 2_000
_CHECK_SECONDS: Final = 60.0


async def events(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """What changes at the user's clinic from now on, and since ``Last-Event-ID`` where the browser names one."""
    del form
    since = request.headers.get("last-event-id") or request.query_params.get("since", "")
    return _Stream(
        _stream(site, request, visitor, _moment(since)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


class _Stream(StreamingResponse):
    """A stream written by the request's own task; `_stream` looks by itself whether the browser is still there.

    Starlette's takes two tasks more, which wait for the browser's end: with 1,500 browsers memory counts.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)


def _moment(text: str) -> int | None:
    """Milliseconds as a browser names them; None for anything else, however large."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


async def changes(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """What has changed since a page was drawn: between that and its stream something may have happened."""
    del form
    since = request.query_params.get("since", "")
    clinic_id = None if visitor.user.role in ALL_CLINICS else visitor.clinic_id
    found = await site.live.catch_up(_moment(since) or now_ms(), clinic_id)
    if found is None:
        return JSONResponse({"changes": [], "reload": True})
    return JSONResponse({"changes": [{"kind": each.kind, "id": each.id} for each in found]})


async def _stream(site: Site, request: Request, visitor: Visitor, since: int | None) -> AsyncIterator[bytes]:
    clinic_id = None if visitor.user.role in ALL_CLINICS else visitor.clinic_id
    rows = pushed_rows(site, visitor.language) if visitor.user.may("see_calls") else None
    with site.live.listening(clinic_id, rows) as listener:
        yield f"retry: {_RETRY_MS}\n\n".encode() + message("hello", {"now": _clock_ms(site)}, now_ms())
        if since is not None:
            missed = None if now_ms() - since > CATCH_UP_MS else await site.live.catch_up(since, clinic_id)
            if missed is None:
                yield message("reload", {}, now_ms())
            elif missed:
                yield changed(missed)
        checked = looked = now_ms()
        while not site.live.stopping.is_set():
            await listener.wait(HEARTBEAT_SECONDS)
            if now_ms() - looked >= HEARTBEAT_SECONDS * 1000:
                if await request.is_disconnected():
                    return
                looked = now_ms()
            due = now_ms() - checked > _CHECK_SECONDS * 1000
            # Before each word: whether the user is still there, with this role and clinic; now and then the rest too.
            if not still(site, visitor) or (due and visitor_of(site, request) is None):
                yield message("signed-out", {}, now_ms())
                return
            checked = now_ms() if due else checked
            if listener.overrun:
                listener.overrun = False
                yield message("reload", {}, now_ms())
            yield listener.take() or message("beat", {"now": _clock_ms(site), "live": site.live.connected}, now_ms())


def _clock_ms(site: Site) -> int:
    return int(site.clock.now().timestamp() * 1000)


PAGES: Final = (
    Page("/events", "events", None, events),
    Page("/changes", "changes", None, changes),
)
