"""A simulated network, for the demo and for tests. It never loads where real people come."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from openportability.domain import Actor, Deed
from openportability.errors import Misconfigured
from openportability.network import Context, Network, Option, Source
from openportability.networks.fake.archive import archive_format
from openportability.networks.fake.client import Client, ClientAvoidance
from openportability.networks.fake.forms import follows_file, forms
from openportability.networks.fake.lists import Lists
from openportability.networks.fake.pages import Pages
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.residents import HOSTS, Role
from openportability.networks.fake.sign_in import SignIn, twin
from openportability.networks.fake.way import Line, Way, through, within
from openportability.networks.fake.world import shared_world

OPTIONS = (
    Option(
        name="ROLE",
        help="What it resembles: `source` (numbers as ids, an archive), `instances` (many servers, "
        "one follow a call) or `repository` (follows are records, in batches).",
        default="instances",
    ),
    Option(name="TITLE", help="Its name on the pages. Default: its name in `NETWORKS`."),
    Option(name="SEED", help="The same seed gives the same people.", default="1"),
    Option(name="PEOPLE", help="How many people the world has.", default="2000"),
    Option(
        name="FAULTS",
        help="Percent of the calls about follows that fail, in all the ways there are.",
        default="0",
    ),
    Option(
        name="SPEED",
        help="How many times shorter its limits' windows and waits are than real ones.",
        default="1",
    ),
    Option(
        name="WORLD_URL",
        help="Address of a world served by `world_server`. Default: a world in this process.",
    ),
)

WORDS = {
    "simulated.unknown_host": (
        "There is no such server in the simulated world.",
        f"Choose one of these: {', '.join(HOSTS)}.",
    ),
    "simulated.unknown_handle": (
        "Nobody in the simulated world has this handle.",
        "Check the spelling, or try newcomer.sky.example.",
    ),
}


def load(context: Context) -> Network:
    """Return the simulated network of this name; refuse anywhere but in development."""
    if not context.development:
        raise Misconfigured(
            f"NETWORKS: {context.name} is simulated and only for development: remove it, "
            "or use a BASE_URL of this machine"
        )
    terms = _terms(context)
    line = Line(terms, _way(context), context.clock)
    title = context.options["TITLE"] or context.name.title()
    pages = Pages(
        line,
        name=context.name,
        title=title,
        role=terms.role,
        base_url=context.base_url,
        clock=context.clock,
    )
    root = f"{context.base_url}{pages.root}"

    def profile_url(actor: Actor) -> str:
        return f"{root}/profile?{urlencode({'person': actor.id})}"

    def compose_url(_actor: Actor, text: str) -> str:
        return f"{root}/compose?{urlencode({'text': text})}"

    source = terms.role is Role.SOURCE
    client = Client(line, terms.role, speed=terms.speed, clock=context.clock)
    return Network(
        name=context.name,
        title=title,
        logo=(Path(__file__).parent / f"logo-{terms.role}.svg").read_text(encoding="utf-8"),
        numeric_ids=source,
        profile_url=profile_url,
        sign_in=SignIn(
            line,
            name=context.name,
            role=terms.role,
            authorize_url=f"{root}/authorize",
            clock=context.clock,
            hosts=HOSTS,
        ),
        source=Source(archive=archive_format(context.base_url, context.name))
        if source
        else Source(lists=Lists(client)),
        destination=None if source else client,
        avoids={}
        if source
        else {deed: ClientAvoidance(client, terms.role, deed) for deed in (Deed.BLOCK, Deed.MUTE)},
        words=WORDS,
        forms=None if source else forms,
        follows_file=follows_file(root) if terms.role is Role.INSTANCES else None,
        documents=pages.documents(),
        compose_url=compose_url,
        twin=None if source else partial(twin, line, context),
        directory=(lambda: line.ask("hosts")) if terms.role is Role.REPOSITORY else None,
    )


def _terms(context: Context) -> Terms:
    options = context.options
    try:
        return Terms(
            name=context.name,
            role=Role(options["ROLE"]),
            speed=max(float(options["SPEED"]), 0.001),
            faults=float(options["FAULTS"]),
        )
    except ValueError as error:
        raise Misconfigured(f"{context.name.upper()}_…: {error}") from None


def _way(context: Context) -> Way:
    if context.options["WORLD_URL"]:
        return through(context.door, context.options["WORLD_URL"], context.clock)
    try:
        people = int(context.options["PEOPLE"])
    except ValueError:
        raise Misconfigured(f"{context.name.upper()}_PEOPLE: give a number") from None
    return within(shared_world(seed=context.options["SEED"], people=people, clock=context.clock))
