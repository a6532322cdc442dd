"""This network's own errors in words: what happened, and what to do next."""

from __future__ import annotations

WORDS = {
    "x.ceiling": (
        "Signing in with X is used up for today.",
        "Go on with your X archive alone, and sign in with X from midnight (UTC) on.",
    ),
    "x.empty": (
        "X sent nothing back.",
        "This happens now and then. Please try once more, or use your archive alone.",
    ),
    "x.paused": (
        "Signing in with X is paused for now.",
        "You can go on with your X archive alone, and sign in with X later.",
    ),
    "x.refused": (
        "X did not tell us who you are.",
        "Look at your account there: it may be locked. Or go on with your X archive alone.",
    ),
    "x.throttled": (
        "X asks us to wait.",
        "Please try again %(until)s, or go on with your X archive alone.",
    ),
}
