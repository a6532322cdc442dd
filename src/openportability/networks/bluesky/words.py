"""Our error codes in words: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "at.handle_unknown": (
        "We found no Bluesky account with this name.",
        (
            "Check the spelling: anna.bsky.social, or your own domain. "
            "The name of your server works too, and so does your DID."
        ),
    ),
    "at.handle_short": (
        "A Bluesky handle has a dot in it.",
        (
            "If you joined on bsky.social, add .bsky.social to your name. "
            "Otherwise type your handle as your profile shows it."
        ),
    ),
    "at.handle_unconfirmed": (
        "This name and the account it names do not point at each other.",
        (
            "Sign in with your DID (it begins with did:) or with the name of your server. "
            "In your Bluesky settings you can check your handle."
        ),
    ),
    "at.no_oauth": (
        "This server cannot sign people in the way Bluesky servers do.",
        "Check the name of the server. If it is right, its people must update it first.",
    ),
    "at.session_lost": (
        "Bluesky has ended our connection to your account.",
        "Please sign in there once more. Everything goes on where it stopped.",
    ),
    "at.scope_missing": (
        "Your server did not give us every right that this takes.",
        (
            "Press Reconnect once more and allow it. "
            "If your server does not offer this right, it needs an update first."
        ),
    ),
    "at.broad_only": (
        "Your server knows no right that is for following alone.",
        (
            "You can ask once more, by your handle: it then offers a broad right, as older apps have it. "
            "We would use it to follow people and to take follows back, and for nothing else."
        ),
    ),
    "at.points": (
        "The follows that your server allows in an hour or a day are used up.",
        "There is nothing to do: it goes on by itself %(until)s.",
    ),
    "at.labelled": (
        "Bluesky warns of your account, or does not show it.",
        (
            "We have stopped everything there. Read what Bluesky wrote to you; "
            "resume once that is settled, or after a week."
        ),
    ),
    "at.suspended": (
        "Your server has suspended your account.",
        "We have stopped everything. Your server's people can tell you why; resume afterwards.",
    ),
    "at.deactivated": (
        "Your Bluesky account is deactivated.",
        "Activate it there, then sign in once more.",
    ),
    "at.pds_down": (
        "Your Bluesky server does not answer as it should.",
        "Please try again in a few minutes. What is under way here goes on by itself.",
    ),
    "at.view_down": (
        "The service that knows who follows you does not answer as it should.",
        "There is nothing to do: we try again, later and later.",
    ),
    "at.uncertain": (
        "We do not know whether the last step worked.",
        "There is nothing to do: we look at your account first, then go on.",
    ),
    "at.gone": (
        "This account was deactivated or removed.",
        "There is nothing to do.",
    ),
    "at.refused": (
        "Your server did not accept this follow.",
        "You can try again later, or follow them by hand.",
    ),
}
