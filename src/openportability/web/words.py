"""What happened and what to do next, for every code. A network brings its own words.

`%(name)s` is filled from the error's detail; where that is silent, from `UNSAID`. All texts are
for the catalogues.
"""

from __future__ import annotations

from collections.abc import Mapping

from openportability.web.archive_words import ARCHIVE_WORDS
from openportability.web.i18n import to_translate as _

#: What stands in place of a detail that an error does not carry.
UNSAID: Mapping[str, str] = {
    "file": _("one of the files"),
    "count": _("some"),
    "expected": _("more"),
    "cap": _("there is a limit"),
    "owner": _("someone else"),
    "mine": _("another account"),
    "host": _("the server"),
    "network": _("the network"),
    "until": _("a little later"),
    "date": _("the newest date"),
    "place": _("not known yet"),
    "reason": _("something does not fit"),
}

SIGN_IN = "/sign-in"
#: Where who is signed in goes on, wherever others would sign in.
TO_ACCOUNTS = (_("See your accounts"), "/accounts")
#: Where a page offers to go, by the longest beginning of a code that fits.
WAYS_ON: Mapping[str, tuple[str, str]] = {
    "": (_("Back to the start"), "/"),
    "archive.": (_("Back to your archive"), "/archive"),
    "archive.other_owner": TO_ACCOUNTS,
    "archive.no_owner": TO_ACCOUNTS,
    "auth.": (_("Sign in again"), SIGN_IN),
    "auth.taken": TO_ACCOUNTS,
    "auth.overtaken": TO_ACCOUNTS,
    "auth.many_tokens": (_("See your tokens"), "/settings/tokens"),
    "auth.last_account": TO_ACCOUNTS,
    "auth.never_listed": (_("Take it back"), "/never-list-me/lift"),
    "import.": (_("Back to your archive"), "/archive"),
    "mail.": (_("See your choices"), "/settings/mail"),
    "merge.": TO_ACCOUNTS,
    "net.signed_out": TO_ACCOUNTS,
    "plan.": (_("See the new plan"), "/reconnect"),
    "svc.signed_out": (_("Sign in"), SIGN_IN),
    "target.": (_("Back to your matches"), "/matches"),
    "undo.": (_("Back to your reconnections"), "/reconnect"),
}

#: Code → (what happened, what to do next).
WORDS: Mapping[str, tuple[str, str]] = {
    "svc.signed_out": (
        _("Please sign in"),
        _("This page opens once you are signed in."),
    ),
    "svc.bad_input": (
        _("Something needs to be corrected"),
        _("Go back, look at what you typed or chose, and try again. Nothing was changed."),
    ),
    "svc.bad_cursor": (
        _("This part of the list has moved"),
        _("Open the list again from its beginning."),
    ),
    "import.missing": (
        _("In your file, but not followed there yet"),
        _("Say on the page of your reconnections whether we follow them for you."),
    ),
    "plan.no_network": (
        _("No network is chosen"),
        _("Choose at least one network on which to follow people, and make the plan again."),
    ),
    "svc.not_allowed": (
        _("This is not possible for you"),
        _("Nothing was changed. If you think it should be possible, ask who runs this site."),
    ),
    "svc.cross_site": (
        _("This request came from another site"),
        _("We did nothing. If it was you, open the page here and try again."),
    ),
    "svc.not_found": (
        _("There is nothing here"),
        _("The page may have moved, or the address has a slip in it."),
    ),
    "svc.wrong_method": (
        _("This page cannot be used in that way"),
        _("Go back and use the button on the page. Nothing was changed."),
    ),
    "svc.wrong_host": (
        _("This site has another address"),
        _("Open it at its own address. Nothing was changed."),
    ),
    "svc.too_large": (
        _("This is larger than we can take"),
        _("Nothing was kept. Send less at once, or ask who runs this site."),
    ),
    "svc.stalled": (
        _("What you sent stopped on its way"),
        _("Nothing was kept. Look at your connection, then send it again."),
    ),
    "svc.too_many": (_("That was very quick"), _("Please try again %(until)s. Nothing is lost.")),
    "svc.bad_receipt": (
        _("This is no receipt of ours"),
        _("Copy it whole, from its first letter to its last, and try again."),
    ),
    "svc.crowded": (
        _("Very many requests come from where you are"),
        _("Others may share your connection. Please try again %(until)s. Nothing is lost."),
    ),
    "svc.internal": (
        _("Something broke here"),
        _("It is our fault and nothing of yours is lost. Please try again in a minute."),
    ),
    "svc.misconfigured": (
        _("This site is not set up completely"),
        _("Who runs it has been told in its logs. Please come back later."),
    ),
    "svc.queue": (
        _("Many people are here today"),
        _(
            "Your place in the queue is %(place)s, and it is kept for you. If this page does not go on by "
            "itself, send it again %(until)s."
        ),
    ),
    "svc.readonly": (
        _("We are doing some maintenance"),
        _("You can look at everything. Changes work again %(until)s."),
    ),
    "svc.away": (
        _("Our database does not answer"),
        _("Nothing of yours is lost, and it goes on by itself. Please try again in a minute."),
    ),
    "svc.no_room": (
        _("We cannot keep anything new at the moment"),
        _("You can look at everything, and nothing of yours is lost. Please try again later."),
    ),
    "auth.denied": (
        _("You did not allow it"),
        _("That is fine, and nothing was changed. You can start again whenever you like."),
    ),
    "auth.expired": (
        _("This sign-in took too long"),
        _("For your safety it ended by itself. Start again; it usually takes a few seconds."),
    ),
    "auth.replayed": (
        _("This sign-in was used already, or began in another browser"),
        _("Nothing was changed. Start again in this browser."),
    ),
    "auth.mixed_up": (
        _("The answer came from another server than the one you chose"),
        _("We stopped, and nothing was changed. Start again and check the name of your server."),
    ),
    "auth.wrong_account": (
        _("You signed in as another account than the one you named"),
        _("Start again, and choose the account you want to use here."),
    ),
    "auth.not_present": (
        _("A program does this only within an hour of your signing in"),
        _("Sign in here with your browser, then let the program try again."),
    ),
    "auth.clock": (
        _("Our clock and the server's do not agree"),
        _("Who runs this site has been told. Please try again later."),
    ),
    "auth.taken": (
        _("This account belongs to another member here"),
        _(
            "Nothing was changed. If that member is you too, link it once more on your accounts page: "
            "you are then shown what would move, and can bring the two together."
        ),
    ),
    "auth.ended": (
        _("You were signed out before this was done"),
        _(
            "Nothing was changed. Sign in with an account you already have here, "
            "then link this one on your accounts page."
        ),
    ),
    "auth.overtaken": (
        _("Somebody signed in here in the meantime"),
        _("Nothing was changed. If this account is yours too, link it on your accounts page."),
    ),
    "auth.many_tokens": (
        _("You have %(count)s tokens already"),
        _("End one that you no longer use, then make the new one."),
    ),
    "auth.never_listed": (
        _("You asked never to be listed with this account"),
        _("Nothing was changed. Take that back on the page Never list me, then sign in again."),
    ),
    "auth.member_here": (
        _("You take part here with this account"),
        _("Sign in and choose in Settings that nobody may find you, or leave altogether."),
    ),
    "auth.last_account": (
        _("This is the last account you can sign in with"),
        _("Nothing was changed. Link another one first, or leave altogether."),
    ),
    "mail.link": (
        _("This link is no longer good"),
        _("Give your address again on the page about mail, then use the newest link."),
    ),
    "merge.ended": (
        _("There is nothing to bring together any more"),
        _(
            "For your safety the offer ends after ten minutes. Link the account once more to see it."
        ),
    ),
    **ARCHIVE_WORDS,
    "target.unavailable": (_("This person cannot be shown"), _("There is nothing you need to do.")),
    "target.self": (_("This is you"), _("You need not follow yourself.")),
    "plan.stale": (
        _("The world changed since your plan was made"),
        _("Look at the new plan, then start it."),
    ),
    "plan.stopped": (
        _("This was stopped before it was done"),
        _("You can choose it again whenever you like."),
    ),
    "standing.off": (
        _("You chose that nothing is done when somebody arrives"),
        _("A plan can follow them all the same."),
    ),
    "plan.left_out": (
        _("Some will not be done: %(count)s"),
        _("The list says why for each of them."),
    ),
    "undo.wanted": (
        _("This is being taken back"),
        _("We first find out whether it was made at all. There is nothing you need to do."),
    ),
    "undo.kept": (_("You made this follow again yourself"), _("So we left it as it is.")),
    "net.error": (
        _("Something went wrong between us and %(network)s"),
        _("Nothing of yours is lost. Please try again in a few minutes."),
    ),
    "net.throttled": (
        _("We are asked to slow down by %(network)s"),
        _("Please try again %(until)s. What is under way here goes on by itself."),
    ),
    "net.busy": (
        _("Many people are asking %(host)s through us just now"),
        _("Please try again in a minute."),
    ),
    "net.unavailable": (
        _("There is no answer from %(host)s"),
        _("Please try again in a few minutes. What is under way here goes on by itself."),
    ),
    "net.unreachable": (
        _("There is no way to reach %(host)s"),
        _("Check how its name is spelled, or try again later."),
    ),
    "net.timeout": (
        _("The answer of %(host)s took too long"),
        _("It may be very busy. Please try again in a few minutes."),
    ),
    "net.garbage": (
        _("The answer of %(host)s makes no sense to us"),
        _("It may be under repair, or no server of this kind. Please try again later."),
    ),
    "net.too_large": (
        _("The answer of %(host)s was far too long"),
        _("We stopped reading. Check the name of your server, or try again later."),
    ),
    "net.address": (
        _("This is not the address of a public server"),
        _("Check how the name of your server is spelled."),
    ),
    "net.signed_out": (
        _("Your permission at %(network)s has ended"),
        _("Sign in there once more; what was under way then goes on by itself."),
    ),
    "net.flagged": (
        _("Your account looks like a bulk follower to %(network)s"),
        _("We stopped everything there. Give it some days of rest, then go on gently."),
    ),
    "net.many_refused": (
        _("Several follows in a row were refused by %(network)s, without a word why"),
        _(
            "That looks as if it is about your account, so we stopped there. See whether it is limited and read your "
            "mail, then resume. Who was refused is asked for again a day later, after the others."
        ),
    ),
    "net.scope_missing": (
        _("One permission is missing at %(network)s"),
        _("Sign in there once more and allow it; what was under way then goes on by itself."),
    ),
    "net.no_blocks": (
        _("We may not block anybody for you at %(network)s"),
        _("Make a plan and allow it there; then try again."),
    ),
    "net.no_mutes": (
        _("We may not mute anybody for you at %(network)s"),
        _("Make a plan and allow it there; then try again."),
    ),
    "net.pending": (
        _("This waits for the person's approval"),
        _("There is nothing you need to do: we look from time to time."),
    ),
    "net.rejected": (_("The person did not accept"), _("There is nothing you need to do.")),
    "net.blocked": (
        _("This is not possible between you two"),
        _("There is nothing you need to do."),
    ),
    "net.refused": (
        _("This is not possible at %(network)s"),
        _("There is nothing you need to do."),
    ),
    "net.forbidden": (
        _("This was refused by %(network)s, without a word why"),
        _("The other side may have blocked you. You can try again later."),
    ),
    "net.gone": (_("This account no longer exists"), _("There is nothing you need to do.")),
}
