"""Mastodon and what speaks its API: sign-in at any server, follows by the person's own token."""

from __future__ import annotations

from functools import partial
from importlib import resources
from urllib.parse import urlencode

from openportability.domain import Actor, Deed
from openportability.errors import Misconfigured
from openportability.network import Context, Network, Option, Source
from openportability.networks.mastodon.avoidance import MastodonAvoidance
from openportability.networks.mastodon.bridged import twin
from openportability.networks.mastodon.client import Follows
from openportability.networks.mastodon.finder import Finder
from openportability.networks.mastodon.forms import follows_file, forms
from openportability.networks.mastodon.lists import Lists, list_files
from openportability.networks.mastodon.room import room
from openportability.networks.mastodon.sign_in import SignInAtServer
from openportability.networks.mastodon.words import WORDS

OPTIONS = (
    Option(
        name="SERVERS",
        help="servers offered while a person types theirs, separated by commas",
        default="mastodon.social,mastodon.online,mas.to,mastodon.world,piaille.fr",
    ),
    Option(
        name="GAP_SECONDS",
        help="seconds between two follows for one account; tests and the demo set it lower",
        default="3.0",
    ),
    Option(
        name="BRIDGE_URL",
        help="how ids begin that the trusted bridge gives copies of people of the AT Protocol; the DID follows. "
        "`none`: no bridge is trusted",
        default="https://bsky.brid.gy/ap/",
    ),
)


def load(context: Context) -> Network:
    """Return Mastodon. It needs no registration anywhere."""
    finder = Finder(context)
    lists = Lists(context, gap_seconds=_seconds(context.options["GAP_SECONDS"]))
    return Network(
        name=context.name,
        title="Mastodon",
        logo=resources.files(__name__).joinpath("logo.svg").read_text(encoding="utf-8"),
        numeric_ids=False,
        profile_url=_profile_url,
        sign_in=SignInAtServer(context),
        source=Source(lists=lists, files=list_files(development=context.development)),
        destination=Follows(context, lists, finder),
        avoids={deed: MastodonAvoidance(context, deed, finder) for deed in (Deed.BLOCK, Deed.MUTE)},
        words=WORDS,
        forms=partial(forms, development=context.development),
        follows_file=follows_file(development=context.development),
        room=partial(room, context),
        compose_url=_compose_url,
        twin=partial(twin, context),
    )


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        raise Misconfigured("GAP_SECONDS must be a number of seconds, such as 1.0") from None


def _profile_url(actor: Actor) -> str:
    """Link to the actor URI, which servers show people as a page."""
    return actor.id


def _compose_url(actor: Actor, text: str) -> str:
    """https://github.com/mastodon/mastodon/blob/main/app/controllers/shares_controller.rb"""
    return f"https://{actor.instance}/share?{urlencode({'text': text})}"
