"""The one place that joins parts: settings → vault, database, door, networks, engine, routes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from types import ModuleType

from fastapi import FastAPI

from openportability import files, keyfile
from openportability.accounts import api as accounts_api
from openportability.accounts import jobs as accounts_jobs
from openportability.accounts import routes as accounts_routes
from openportability.accounts import session
from openportability.accounts.cabinet import RowCabinet
from openportability.archives import api as archives_api
from openportability.archives import importing
from openportability.archives import jobs as archives_jobs
from openportability.archives import routes as archives_routes
from openportability.circle import api as circle_api
from openportability.circle import routes as circle_routes
from openportability.clock import Clock
from openportability.consent import api as consent_api
from openportability.consent import routes as consent_routes
from openportability.db import migrate
from openportability.db.engine import Database, Tx
from openportability.domain import Account, NetworkName
from openportability.errors import Misconfigured
from openportability.graph import store as lists
from openportability.home import api as home_api
from openportability.home import routes as home_routes
from openportability.jobs.local import LocalRunner
from openportability.jobs.port import Engine, Work
from openportability.jobs.procrastinate import ProcrastinateEngine
from openportability.mail import jobs as mail_jobs
from openportability.mail import routes as mail_routes
from openportability.matching import jobs as matching_jobs
from openportability.matching import service as matching
from openportability.merging import routes as merging_routes
from openportability.network import Context, Network
from openportability.operator import jobs as operator_jobs
from openportability.operator import routes as operator_routes
from openportability.operator.chores import recorded
from openportability.operator.counted import Counted
from openportability.operator.doctor import Means
from openportability.operator.health import version
from openportability.operator.metrics import Ledger
from openportability.outbound import Door
from openportability.privacy import api as privacy_api
from openportability.privacy import jobs as privacy_jobs
from openportability.privacy import keys
from openportability.privacy import routes as privacy_routes
from openportability.reconnection import api as reconnection_api
from openportability.reconnection import ceasing, plan_api, standing
from openportability.reconnection import jobs as reconnection_jobs
from openportability.reconnection import routes as reconnection_routes
from openportability.reconnection import service as reconnection
from openportability.settings import Settings
from openportability.site import Site
from openportability.stats import api as stats_api
from openportability.stats import jobs as stats_jobs
from openportability.stats import routes as stats_routes
from openportability.vault import BadKeyring, Keyring, Vault
from openportability.web import documents, shell

_ROUTERS = (
    home_routes.router,
    accounts_routes.router,
    consent_routes.router,
    archives_routes.router,
    circle_routes.router,
    reconnection_routes.router,
    mail_routes.router,
    privacy_routes.router,
    merging_routes.router,
    privacy_api.router,  # before the imports from networks: it names its own path
    operator_routes.router,
    stats_routes.router,
    home_api.router,
    accounts_api.router,
    consent_api.router,
    archives_api.router,
    circle_api.router,
    plan_api.router,
    reconnection_api.router,
    stats_api.router,
)
#: The first server that a setting of a network names: a list of host names, or an address.
_SERVER = re.compile(r"(?P<scheme>https?://)?(?P<rest>(?(scheme)[^,\s]+|[a-z0-9.-]+\.[a-z]{2,}))")
_JOBS = (
    operator_jobs.work,
    accounts_jobs.work,
    archives_jobs.work,
    matching_jobs.work,
    reconnection_jobs.work,
    mail_jobs.work,
    privacy_jobs.work,
    stats_jobs.work,
)


def build(settings: Settings, clock: Clock, *, web: bool = True, worker: bool = True) -> Site:
    """Join all parts of a site: its database is brought to the newest revision, its engine is ready."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(settings.database_url, pool_size=settings.connections(web=web, worker=worker))
    migrate.upgrade(db)
    try:
        vault = _vault(settings, db)
    except Misconfigured:
        db.close()
        raise
    site = join(settings, clock, vault, db, door(settings, clock))
    work = [jobs(site) for jobs in _JOBS]
    counted = Counted(site)
    chores = recorded(site, [chore for _, chores in work for chore in chores])
    site.engine.prepare()
    site.engine.register(
        Work(
            jobs=[counted.job(job) for jobs, _ in work for job in jobs],
            chores=[counted.chore(chore) for chore in chores],
        )
    )
    return site


def join(settings: Settings, clock: Clock, vault: Vault, db: Database, way_out: Door) -> Site:
    """Join the parts, as they are; nothing is migrated, prepared or asked."""
    site = Site(
        settings=settings,
        clock=clock,
        vault=vault,
        db=db,
        files=files.place(settings),
        networks={
            NetworkName(name): _load(NetworkName(name), folder, settings, clock, vault, db, way_out)
            for name, folder in settings.networks
        },
        engine=_engine(settings, db),
        before_unlink=_endings(lambda: site),
        cease=lambda account: ceasing.cease(site, account),
        after_standing=(lambda tx, user, wish: standing.heed(tx, site, user, wish),),
    )
    return site


def door(settings: Settings, clock: Clock) -> Door:
    """Make the way out to other machines."""
    return Door(
        clock=clock,
        allow_loopback=settings.allow_loopback,
        extra_ca_file=settings.extra_ca_file,
        user_agent=f"OpenPortability/{version()} (+{settings.base_url})",
    )


def web(site: Site) -> FastAPI:
    """Make the application that answers requests."""
    app = FastAPI(
        title="OpenPortability",
        version=version(),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    shell.dress(app, site, session.is_member, site.db)
    app.state.ledger = Ledger()
    for router in _ROUTERS:
        # As they are: to go through an included router takes each request a tenth of its time.
        app.routes.extend(router.routes)
    for network in site.networks.values():
        for document in network.documents:
            app.include_router(documents.published(document))
    return app


def keyring(settings: Settings) -> Keyring:
    """Return the keys themselves, the whole secret of the site; there must be some already."""

    def none_there() -> str:
        raise Misconfigured("There is no keyring yet: put the copy of it back first.")

    return _parsed(lambda: keyfile.master_key(settings, none_there))


def doctors_means() -> Means:
    """Return how a doctor makes the parts: as we do, but without making a keyring or tables."""
    return Means(read=Settings.read, keys=_keys_there, door=door, join=join, addresses=_addresses)


def _keys_there(settings: Settings) -> Vault:
    return Vault(keyring(settings))


def _addresses(settings: Settings) -> Mapping[NetworkName, str]:
    """Return one server to ask for each network, from its own settings."""
    found = {}
    for name, folder in settings.networks:
        module = _module(folder)
        values = [
            settings.network_option(name, option.name, option.default) for option in module.OPTIONS
        ]
        hosts = [_SERVER.match(value) for value in values]
        first = next((host for host in hosts if host), None)
        if first is not None:
            found[NetworkName(name)] = f"{first['scheme'] or 'https://'}{first['rest']}"
    return found


def _module(folder: str) -> ModuleType:
    try:
        return importlib.import_module(f"openportability.networks.{folder}")
    except ModuleNotFoundError as error:
        if error.name != f"openportability.networks.{folder}":
            raise
        raise Misconfigured(
            f"OPENPORTABILITY_NETWORKS names {folder}: there is no such folder in networks/"
        ) from None


def _vault(settings: Settings, db: Database) -> Vault:
    ring = _parsed(lambda: keyfile.master_key(settings, lambda: keys.fresh_keyring(db, settings)))
    path = settings.key_file
    vault = Vault(ring, keyfile.watch(path, ring) if path else None)
    keys.refuse_wrong_keyring(db, vault, settings)
    return vault


def _parsed(text: Callable[[], str]) -> Keyring:
    try:
        return Keyring.parse(text())
    except BadKeyring as error:
        raise Misconfigured(f"OPENPORTABILITY_MASTER_KEY cannot be used: {error}") from None


def _engine(settings: Settings, db: Database) -> Engine:
    if db.dialect.name == "sqlite":
        return LocalRunner(threads=settings.worker_threads)
    url = db.url.render_as_string(hide_password=False)
    return ProcrastinateEngine(url, threads=settings.worker_threads)


def _load(
    name: NetworkName,
    folder: str,
    settings: Settings,
    clock: Clock,
    vault: Vault,
    db: Database,
    door: Door,
) -> Network:
    module = _module(folder)
    options = {
        option.name: settings.network_option(name, option.name, option.default)
        for option in module.OPTIONS
    }
    network: Network = module.load(
        Context(
            name=name,
            base_url=settings.base_url,
            development=not settings.production,
            options=options,
            door=door,
            clock=clock,
            cabinet=RowCabinet(db, vault, clock, name),
        )
    )
    return network


def _endings(site: Callable[[], Site]) -> tuple[Callable[[Tx, Account], None], ...]:
    """Return what each stage does before an account is unlinked, the last stage first."""
    return (
        reconnection.end_account,
        lambda tx, account: matching.end_account(tx, site(), account),
        lambda tx, account: lists.drop_lists(tx, account.user, account.id),
        lambda tx, account: importing.end_account(tx, site(), account),
    )
