"""The page that explains and takes an archive, or lists of a linked account. What was read is shown by `circle`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.archives import importing, in_browser, service, store
from openportability.archives.fetch import Fetch, FetchState
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Account, AccountId, Kind, Proof, UserId
from openportability.errors import Invalid, NotFound, OpenPortabilityError, Throttled
from openportability.network import Network
from openportability.site import Site
from openportability.web import i18n, problems, render, sse
from openportability.web.routing import Router
from openportability.web.threads import reading_lists

router = Router(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A linked account whose lists can be brought without an archive."""

    id: str
    account: Account
    network: Network
    #: How the last reading stands; None: it was never asked for.
    fetch: Fetch | None
    #: Why it waits or failed: what happened, what to do.
    problem: tuple[str, str] | None
    #: Address of its report.
    report: str
    #: True where the network must be asked for the right to read.
    may_allow: bool


_ALSO = frozenset({Kind.BLOCKED, Kind.MUTED})


@router.get("/archive")
def explain(request: Request, site: TheSite, asking: AMember) -> Response:
    return _form(request, site, asking.user, None)


@router.post("/archive")
@reading_lists
def upload(
    request: Request,
    site: TheSite,
    asking: AMember,
    file: Annotated[list[UploadFile] | None, File()] = None,
    also: Annotated[str, Form()] = "",
    network: Annotated[str | None, Form()] = None,
) -> Response:
    try:
        number, _ = service.accept(
            site, asking.user, _chosen(file), also=_also(also), network=network or None
        )
    except OpenPortabilityError as error:
        return _form(request, site, asking.user, error)
    return RedirectResponse(f"/archive/{number}", 303)


@router.post("/archive/from/{network}")
def read_account(
    request: Request,
    site: TheSite,
    asking: AMember,
    network: str,
    account: Annotated[str, Form()] = "",
    also: Annotated[str, Form()] = "",
) -> Response:
    try:
        importing.begin(
            site, asking.user, network, also=_also(also), account=_account(site, account)
        )
    except OpenPortabilityError as error:
        return _form(request, site, asking.user, error)
    return RedirectResponse("/archive#linked", 303)


@router.post("/archive/from/{network}/files")
@reading_lists
def take_files(
    request: Request,
    site: TheSite,
    asking: AMember,
    network: str,
    file: Annotated[list[UploadFile] | None, File()] = None,
    account: Annotated[str, Form()] = "",
    also: Annotated[str, Form()] = "",
) -> Response:
    try:
        number, _ = importing.accept_files(
            site,
            asking.user,
            network,
            _chosen(file),
            also=_also(also),
            account=_account(site, account),
        )
    except OpenPortabilityError as error:
        return _form(request, site, asking.user, error)
    return RedirectResponse(f"/archive/{number}", 303)


@router.get("/archive/linked/{account}")
def reading(request: Request, site: TheSite, asking: AMember, account: str) -> Response:
    """Answer with how the reading of an account's lists goes, as a stream of what the page shows."""

    def look() -> str:
        one = _linked_one(site, asking.user, account)
        return render.block(request, "archives/_fetch.html", "fetch", one=one)

    # Said before the stream begins: it could only end in silence.
    _linked_one(site, asking.user, account)
    return sse.stream(request, ("reading", asking.user, account, i18n.speaking().code), look)


def _chosen(file: Sequence[UploadFile] | None) -> list[Upload]:
    # A form without a chosen file sends one without a name.
    files = [Upload(name=each.filename, file=each.file) for each in file or () if each.filename]
    if not files:
        raise Invalid("archive.not_chosen")
    return files


def _also(ticked: str) -> frozenset[Kind]:
    return _ALSO if ticked == "yes" else frozenset()


def _account(site: Site, shown: str) -> AccountId | None:
    return accounts_service.account_id(site, shown) if shown else None


def _linked(
    site: Site, mine: Sequence[Account], readings: Mapping[AccountId, Fetch]
) -> list[Linked]:
    proved = [account for account in mine if account.proof is Proof.PROVED]
    return [
        _one_linked(site, account, network, readings.get(account.id))
        for account in proved
        if (network := site.networks.get(account.actor.network))
        and network.source
        and (network.source.lists or network.source.files)
    ]


def _linked_one(site: Site, user: UserId, shown: str) -> Linked:
    with site.db.read() as tx:
        mine, readings = accounts.accounts_of(tx, user), store.fetches_of(tx, user)
    for one in _linked(site, mine, readings):
        if one.id == shown:
            return one
    raise NotFound


def _one_linked(site: Site, account: Account, network: Network, fetch: Fetch | None) -> Linked:
    reason = fetch.reason if fetch else None
    return Linked(
        id=site.vault.show_id("account", account.id),
        account=account,
        network=network,
        fetch=fetch,
        problem=problems.words_of(_said(reason, account, fetch), site.networks) if reason else None,
        report=f"/archive/{service.shown_id(site, fetch.report)}" if fetch and fetch.report else "",
        may_allow=reason is not None and fetch is not None and fetch.state is FetchState.FAILED,
    )


def _said(reason: str, account: Account, fetch: Fetch | None) -> OpenPortabilityError:
    of = account.actor
    if fetch and fetch.next_at:
        return Throttled(fetch.next_at, reason, network=of.network, host=of.instance)
    return OpenPortabilityError(reason, network=of.network, host=of.instance)


def _form(
    request: Request, site: Site, user: UserId, error: OpenPortabilityError | None
) -> Response:
    sources = service.sources(site)
    with site.db.read() as tx:
        mine, readings = accounts.accounts_of(tx, user), store.fetches_of(tx, user)
        newest = service.newest_report(tx, site, user)
    linked = _linked(site, mine, readings)
    if not sources and not linked:
        raise NotFound
    proved = {account.actor.network for account in mine if account.proof is Proof.PROVED}
    stand = f"{site.vault.show_id('user', user)} {newest.at.isoformat() if newest else ''}"
    return render.page(
        request,
        "archives/archive.html",
        status=200 if error is None else problems.status_of(error),
        sources=sources,
        linked=linked,
        # Where this user could still sign in to show that an archive is theirs.
        provable=[each for each in sources if each.sign_in and each.name not in proved],
        problem=problems.words_of(error, site.networks) if error else None,
        newest=newest,
        told=in_browser.told(sources, site.networks, mine, Caps(), stand),
    )
