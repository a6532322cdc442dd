"""An error becomes a page in words, a notice for a swap, or a problem (RFC 9457) for the API."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from openportability.db.trouble import trouble
from openportability.domain import NetworkName
from openportability.errors import (
    Busy,
    Conflict,
    Flagged,
    Gone,
    Invalid,
    Misconfigured,
    NetworkError,
    NotAllowed,
    NotFound,
    OpenPortabilityError,
    Refused,
    SignedOut,
    Throttled,
    without_words,
)
from openportability.network import Network
from openportability.web import i18n, measure
from openportability.web.house import house_of
from openportability.web.render import page, part
from openportability.web.words import SIGN_IN, TO_ACCOUNTS, UNSAID, WAYS_ON, WORDS

log = logging.getLogger(__name__)

#: Codes whose status is not that of their class.
_STATUS_OF_CODE: Mapping[str, int] = {
    "svc.signed_out": 401,
    "svc.wrong_method": 405,
    "svc.stalled": 408,
    "svc.too_large": 413,
    "svc.wrong_host": 421,
    "svc.queue": 503,
    "svc.readonly": 503,
    "svc.away": 503,
    "svc.no_room": 503,
}
_STATUS_OF_CLASS: Mapping[type[OpenPortabilityError], int] = {
    Invalid: 400,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    Busy: 429,
    Misconfigured: 500,
    SignedOut: 403,
    Flagged: 403,
    Refused: 409,
    Gone: 410,
    Throttled: 503,
    NetworkError: 502,
    OpenPortabilityError: 500,
}
_CODE_OF_STATUS: Mapping[int, str] = {
    401: "svc.signed_out",
    403: "svc.not_allowed",
    404: "svc.not_found",
    405: "svc.wrong_method",
    408: "svc.stalled",
    413: "svc.too_large",
}

#: Whose words say that the operator has been told.
_FOR_THE_OPERATOR = frozenset({"auth.clock"})

_PLACE = re.compile(r"%\((\w+)\)s")

#: When to come back where nobody knows when it will be mended.
_SOON_SECONDS = 30

Networks = Mapping[NetworkName, Network]


def status_of(error: OpenPortabilityError) -> int:
    """Return the HTTP status of an error."""
    by_class = next(
        _STATUS_OF_CLASS[kind] for kind in type(error).__mro__ if kind in _STATUS_OF_CLASS
    )
    return _STATUS_OF_CODE.get(error.code, by_class)


def words_of(error: OpenPortabilityError, networks: Networks) -> tuple[str, str]:
    """Return what happened and what to do next, in the language being spoken."""
    detail = {name: unsaid(name) for name in UNSAID}
    detail |= {name: _told(value) for name, value in error.detail.items()}
    network = networks.get(NetworkName(str(error.detail.get("network", ""))))
    if network is not None:
        detail["network"] = network.title
    until = _until(error)
    if until is not None:
        detail["until"] = i18n.gettext("after %(time)s", time=i18n.date_time(until))
    happened, next_step = words_of_code(error.code, networks)
    return _filled(happened, detail), _filled(next_step, detail)


def words_of_code(code: str, networks: Networks) -> tuple[str, str]:
    """Return the words of a code, `%(name)s` still in them; unknown: as `svc.internal`."""
    own = (network.words[code] for network in networks.values() if code in network.words)
    happened, next_step = WORDS.get(code) or next(own, WORDS["svc.internal"])
    return i18n.gettext(happened), i18n.gettext(next_step)


def unsaid(name: str) -> str:
    """Return what stands in place of a detail that an error does not carry."""
    return i18n.gettext(UNSAID[name])


def way_on(code: str, path: str, *, signed_in: bool) -> tuple[str, str]:
    """Return the button that helps after an error: its label and where it leads."""
    beginning = max((start for start in WAYS_ON if code.startswith(start)), key=len)
    if not beginning and path.startswith("/auth/"):
        beginning = "auth."  # whatever went wrong there, it was a sign-in
    label, address = WAYS_ON[beginning]
    if signed_in and address == SIGN_IN:
        label, address = TO_ACCOUNTS
    return i18n.gettext(label), address


def answer(
    request: Request,
    error: OpenPortabilityError,
    *,
    reference: str = "",
    fields: Mapping[str, str] | None = None,
) -> Response:
    """Answer with an error in the form that the one who asked can read."""
    note(request, error)
    if request.url.path.startswith("/api/"):
        response = _as_json(request, error, reference=reference, fields=fields or {})
    else:
        response = _as_page(request, error, reference=reference)
    until = _until(error)
    if until is not None:
        left = until - house_of(request).clock.now()
        response.headers["Retry-After"] = str(max(1, round(left.total_seconds())))
    elif response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(_SOON_SECONDS)
    return response


def note(request: Request, error: OpenPortabilityError) -> None:
    """Have an error counted that a page tells of, and tell the operator of what only they can mend."""
    request.scope[measure.CODE] = error.code
    if error.code in _FOR_THE_OPERATOR:
        log.error("operator_needed", extra={"code": error.code, **error.detail})


def broken(request: Request, error: Exception) -> Response:
    """Answer an error that no route explains: what passes by itself, or a number to ask with; never a trace."""
    passing = trouble(error)
    if passing is not None:
        log.error("trouble", extra={"code": str(passing), "error": type(error).__name__})
        return answer(request, OpenPortabilityError(passing))
    reference = secrets.token_hex(4)
    log.error("request_broke", extra={"reference": reference, **without_words(error)})
    return answer(request, OpenPortabilityError(), reference=reference)


def install(app: FastAPI) -> None:
    """Let `app` answer all errors in words."""
    app.add_exception_handler(OpenPortabilityError, _explained)
    app.add_exception_handler(HTTPException, _by_status)
    app.add_exception_handler(RequestValidationError, _not_valid)


def _explained(request: Request, error: Exception) -> Response:
    assert isinstance(error, OpenPortabilityError)
    if isinstance(error, Misconfigured):
        log.error("misconfigured %s", error)
    return answer(request, error)


def _by_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Exception) and trouble(error.__cause__):
        return broken(request, error.__cause__)  # a body that the disk cannot hold
    kinds = {401: NotAllowed, 403: NotAllowed, 404: NotFound}
    kind = kinds.get(
        error.status_code, Invalid if error.status_code < 500 else OpenPortabilityError
    )
    response = answer(request, kind(_CODE_OF_STATUS.get(error.status_code)))
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = {
        ".".join(str(step) for step in one["loc"][1:]) or str(one["loc"][0]): str(one["msg"])
        for one in error.errors()
    }
    return answer(request, Invalid(), fields=fields)


def _as_page(request: Request, error: OpenPortabilityError, *, reference: str) -> Response:
    happened, next_step = words_of(error, house_of(request).networks)
    signed_in = getattr(request.state, "member", None) is not None
    label, address = way_on(error.code, request.url.path, signed_in=signed_in)
    if error.code == "svc.signed_out" and request.method == "GET":
        address = f"{address}?next={quote(request.scope['path'])}"
    values = {
        "happened": happened,
        "next_step": next_step,
        "way_label": label,
        "way_address": address,
        "code": error.code,
        "reference": reference,
    }
    status = status_of(error)
    if request.headers.get("HX-Request"):
        return part(request, "errors/notice.html", "notice", status=status, **values)
    return page(request, "errors/problem.html", status=status, **values)


def _as_json(
    request: Request, error: OpenPortabilityError, *, reference: str, fields: Mapping[str, str]
) -> Response:
    happened, next_step = words_of(error, house_of(request).networks)
    status = status_of(error)
    body: dict[str, object] = {
        **error.detail,
        "type": f"urn:openportability:problem:{error.code}",
        "title": happened,
        "detail": next_step,
        "status": status,
        "code": error.code,
    }
    if fields:
        body["errors"] = [{"field": name, "message": text} for name, text in fields.items()]
    if reference:
        body["reference"] = reference
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def _until(error: OpenPortabilityError) -> datetime | None:
    return error.until if isinstance(error, Busy | Throttled) else None


def _filled(text: str, detail: Mapping[str, str]) -> str:
    """Fill a text in. It never fails: an error in telling of an error would tell nothing."""
    return _PLACE.sub(lambda place: detail.get(place[1], "…"), text)


def _told(value: str | int) -> str:
    return i18n.number(value) if isinstance(value, int) else value
