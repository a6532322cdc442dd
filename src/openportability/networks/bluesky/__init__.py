"""Bluesky and every other server of the AT Protocol."""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import urlencode, urlsplit

from openportability.domain import Actor, Deed
from openportability.errors import Misconfigured
from openportability.network import Context, Network, Option, Source
from openportability.networks.bluesky.blocks import BlueskyBlocks
from openportability.networks.bluesky.bridged import Bridge
from openportability.networks.bluesky.broad import Broad
from openportability.networks.bluesky.client import BlueskyDestination
from openportability.networks.bluesky.dpop import Nonces, Prover
from openportability.networks.bluesky.followers import Followers
from openportability.networks.bluesky.forms import forms
from openportability.networks.bluesky.host import Host
from openportability.networks.bluesky.identity import Identities
from openportability.networks.bluesky.labels import Labels
from openportability.networks.bluesky.lists import Lists
from openportability.networks.bluesky.metadata import Client
from openportability.networks.bluesky.mutes import BlueskyMutes
from openportability.networks.bluesky.records import Repositories
from openportability.networks.bluesky.sign_in import BlueskySignIn
from openportability.networks.bluesky.words import WORDS

OPTIONS = (
    Option(
        name="PLC_URL",
        help="Directory of did:plc accounts.",
        default="https://plc.directory",
    ),
    Option(
        name="HANDLE_RESOLVER_URL",
        help="Server asked for a handle's account before DNS and the handle's host.",
    ),
    Option(
        name="VIEW_URL",
        help="Server asked who follows an account, and whether moderators marked one that is to follow; "
        "`none`: neither is read.",
        default="https://public.api.bsky.app",
    ),
    Option(
        name="BRIDGE_DOMAIN",
        help="The bridge that keeps accounts here for people of the fediverse, as their handles end. "
        "`none`: no bridge is trusted.",
        default="ap.brid.gy",
    ),
    Option(
        name="BRIDGE_PDS",
        help="The server that such accounts live on; on any other they are not believed.",
        default="https://atproto.brid.gy",
    ),
)


def load(context: Context) -> Network:
    """Return the network; it needs no registration anywhere."""
    if urlsplit(context.base_url).hostname == "localhost":
        raise Misconfigured(
            "BASE_URL: write http://127.0.0.1 instead of http://localhost, "
            "else Bluesky servers refuse the way back after signing in"
        )
    clock, local = context.clock, context.development
    identities = Identities(
        door=context.door,
        plc_url=context.options["PLC_URL"],
        resolver_url=context.options["HANDLE_RESOLVER_URL"],
        local=local,
    )
    prover = Prover(door=context.door, clock=clock, nonces=Nonces())
    client = Client(context)
    view = context.options["VIEW_URL"]
    repositories = Repositories(door=context.door, clock=clock, identities=identities)
    host = Host(clock=clock, repositories=repositories, prover=prover)
    destination = BlueskyDestination(
        clock=clock,
        repositories=repositories,
        host=host,
        labels=Labels(door=context.door, clock=clock, url=view) if view else None,
        local=local,
    )
    return Network(
        name=context.name,
        title="Bluesky",
        logo=files(__name__).joinpath("logo.svg").read_text("utf-8"),
        numeric_ids=False,
        profile_url=_profile_url,
        sign_in=BlueskySignIn(
            network=context.name,
            door=context.door,
            clock=clock,
            identities=identities,
            client=client,
            prover=prover,
            broad=Broad(context.cabinet, clock),
            local=local,
        ),
        source=Source(
            lists=Lists(
                repositories,
                Followers(door=context.door, clock=clock, url=view) if view else None,
            )
        ),
        destination=destination,
        avoids={
            Deed.BLOCK: BlueskyBlocks(destination),
            Deed.MUTE: BlueskyMutes(clock=clock, host=host),
        },
        words=WORDS,
        forms=forms,
        compose_url=_compose_url,
        documents=client.documents(),
        directory=identities.directory,
        twin=Bridge(context=context, identities=identities, local=local).twin,
    )


def _profile_url(actor: Actor) -> str:
    return f"https://bsky.app/profile/{actor.id}"


def _compose_url(_actor: Actor, text: str) -> str:
    """https://docs.bsky.app/docs/advanced-guides/intent-links"""
    return f"https://bsky.app/intent/compose?{urlencode({'text': text})}"
