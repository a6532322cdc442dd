"""X: proof of who a person is there, and the archive their lists come from. Nothing is followed."""

from __future__ import annotations

from importlib import resources

from openportability.domain import Actor
from openportability.network import Context, Network, Option, Source
from openportability.networks.x.archive import ARCHIVE
from openportability.networks.x.sign_in import SignInWithX
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
)


def load(context: Context) -> Network:
    """Return X; without a client id its archive alone."""
    return Network(
        name=context.name,
        title="X",
        logo=resources.files(__name__).joinpath("logo.svg").read_text(encoding="utf-8"),
        numeric_ids=True,
        profile_url=_profile_url,
        sign_in=SignInWithX(context) if context.options["CLIENT_ID"] else None,
        source=Source(archive=ARCHIVE),
        destination=None,
        words=WORDS,
    )


def _profile_url(actor: Actor) -> str:
    """Link by the number, which lasts; the handle may be another person's tomorrow."""
    return f"https://x.com/i/user/{actor.id}"
