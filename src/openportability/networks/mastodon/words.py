"""This network's own errors in words: what happened, and what to do next."""

from __future__ import annotations

WORDS = {
    "masto.bad_account": (
        "We could not read this address.",
        "Write it like name@mastodon.social, or paste the address of your profile page.",
    ),
    "masto.no_server": (
        "Your server is missing from this name.",
        "Write the part after the second @ too, like @name@mastodon.social.",
    ),
    "masto.which_server": (
        "This address shows an account of one server as seen from another.",
        "Write the server where you sign in, like mastodon.social.",
    ),
    "masto.host_unknown": (
        "No Mastodon server answers at this address.",
        "Check the spelling, or try again in some minutes if the server may be down.",
    ),
    "masto.no_oauth": (
        "This server does not let other sites sign people in.",
        "You can still take your follows there as a CSV file, or follow people one by one.",
    ),
    "masto.apps_throttled": (
        "This server accepts no new sites for some minutes.",
        "Nothing is wrong with your account. Please try again %(until)s.",
    ),
    "masto.login_disabled": (
        "Your account there is disabled, not confirmed yet, or waits for approval.",
        "Sign in on your server to see what is missing, then come back.",
    ),
    "masto.token_lost": (
        "Your server no longer accepts our connection.",
        "Please connect this server again. Your work goes on where it stopped.",
    ),
    "masto.scope_missing": (
        "Your server did not give us a permission that this needs.",
        "Please connect this server again and allow what its page asks.",
    ),
    "masto.day_quota": (
        "The 400 new follows that your server allows in a day are used.",
        "It goes on by itself after midnight UTC. A CSV import has no such limit.",
    ),
    "masto.throttled": (
        "Your server asks us to slow down.",
        "Please try again %(until)s. What is under way here goes on by itself.",
    ),
    "masto.ceiling": (
        "Your server allows no more follows in all.",
        "Choose whom you want to keep there, then try again.",
    ),
    "masto.pending": (
        "This person approves followers one by one.",
        "There is nothing to do. We tell you when they have said yes.",
    ),
    "masto.moved": (
        "This person lives at a new address.",
        "We follow the new one instead.",
    ),
    "masto.blocked": (
        "Following is not possible between you two.",
        "There is nothing to do.",
    ),
    "masto.limited": (
        "Your server has limited or suspended your account, and refuses what we ask.",
        "We have stopped everything there. Ask the people who run your server why; resume once they allow it.",
    ),
    "masto.gone": (
        "This account no longer exists.",
        "There is nothing to do.",
    ),
    "masto.memorial": (
        "This account is kept in memory of the person.",
        "There is nothing to do.",
    ),
    "masto.out_of_reach": (
        "Your server does not find this person, though their own server knows them.",
        "The two servers may not talk to each other. You can try again later.",
    ),
    "masto.remote_down": (
        "That person's server does not answer.",
        "We try again by ourselves for some days.",
    ),
    "masto.not_verified": (
        "The follow is sent, but your server has not confirmed it yet.",
        "We look again by ourselves.",
    ),
    "masto.refused": (
        "Your server did not accept this follow.",
        "You can try again later, or follow this person on your server.",
    ),
}
