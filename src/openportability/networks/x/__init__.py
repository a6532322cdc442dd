"""X: proof of who a person is there, and the archive their lists come from. Nothing is followed."""

from __future__ import annotations

from importlib import resources
from urllib.parse import urlencode

from openportability.domain import Actor, Billed
from openportability.errors import Misconfigured
from openportability.network import Context, Network, Option, Source
from openportability.networks.x.archive import ARCHIVE
from openportability.networks.x.sign_in import LOOKS, SignInWithX
from openportability.networks.x.words import WORDS

OPTIONS = (
    Option(
        name="CLIENT_ID",
        help="OAuth 2.0 client id of your X app; sign-in with X is off without it",
    ),
    Option(
        name="CLIENT_SECRET",
        help="client secret, if the app is of the confidential kind",
        secret=True,
    ),
    Option(
        name="AUTHORIZE_URL",
        help="where browsers are sent to sign in",
        default="https://x.com/i/oauth2/authorize",
    ),
    Option(name="API_URL", help="base address of X's API", default="https://api.x.com"),
    Option(
        name="LOOKS_A_DAY",
        help="most billed looks at who somebody is on one day (UTC); then people go on with their archive",
        default="1000",
    ),
    Option(
        name="CENTS_A_LOOK",
        help="what one look costs, for `openportability costs`",
        default="1",
    ),
)


def load(context: Context) -> Network:
    """Return X; without a client id its archive alone."""
    billed = Billed(
        name=LOOKS,
        most=int(_number(context, "LOOKS_A_DAY")),
        cents=_number(context, "CENTS_A_LOOK"),
    )
    offered = bool(context.options["CLIENT_ID"])
    return Network(
        name=context.name,
        title="X",
        logo=resources.files(__name__).joinpath("logo.svg").read_text(encoding="utf-8"),
        numeric_ids=True,
        profile_url=_profile_url,
        sign_in=SignInWithX(context, most=billed.most) if offered else None,
        source=Source(archive=ARCHIVE),
        destination=None,
        words=WORDS,
        billed=billed if offered else None,
        compose_url=_compose_url,
    )


def _number(context: Context, name: str) -> float:
    text = context.options[name]
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1_000_000_000:
        raise Misconfigured(
            f"OPENPORTABILITY_{context.name.upper()}_{name} is not a number: {text}"
        )
    return number


def _profile_url(actor: Actor) -> str:
    """Link by the number, which lasts; the handle may be another person's tomorrow."""
    return f"https://x.com/i/user/{actor.id}"


def _compose_url(_actor: Actor, text: str) -> str:
    """https://docs.x.com/x-for-websites/web-intents/overview"""
    return f"https://x.com/intent/post?{urlencode({'text': text})}"
