"""What an X archive looks like, as data: both readers, ours and the browser's, are driven by it.

Only what stands in `LISTS`, the owner's file and the manifest is ever opened. `KNOWN_STEMS` are
looked at by name alone, to tell an archive without lists from a zip that is no archive.
"""

from __future__ import annotations

from openportability.domain import Kind
from openportability.network import ArchiveFormat, ListEntry

LISTS = (
    ListEntry(stem="following", wrapper="following", kind=Kind.FOLLOWING),
    ListEntry(stem="follower", wrapper="follower", kind=Kind.FOLLOWERS),
    # The wrappers of these two differ from their file names.
    ListEntry(stem="block", wrapper="blocking", kind=Kind.BLOCKED, opt_in=True),
    ListEntry(stem="mute", wrapper="muting", kind=Kind.MUTED, opt_in=True),
)

KNOWN_STEMS = frozenset(
    """
    account account-creation-ip account-suspension account-timezone ad-engagements ad-impressions
    ageinfo app block branch-links catalog-item community-note community-tweet
    connected-application contact deleted-note-tweet deleted-tweet-headers deleted-tweets
    device-token direct-message-group-headers direct-message-headers direct-message-mute
    direct-messages direct-messages-group email-address-change follower following grok-chat-item
    ip-audit key-registry like lists-created lists-member lists-subscribed manifest moment mute
    ni-devices note-tweet periscope-account-information periscope-profile-description
    personalization phone-number professional-data profile protected-history saved-search
    screen-name-change smartblock sso tweet tweet-headers tweetdeck tweets
    user-link-clicks verified
    """.split()
)

ARCHIVE = ArchiveFormat(
    lists=LISTS,
    owner_stem="account",
    owner_wrapper="account",
    owner_id_field="accountId",
    owner_handle_field="username",
    manifest_stem="manifest",
    id_field="accountId",
    link_field="userLink",
    link_hosts=frozenset({"twitter.com", "x.com"}),
    link_path="/intent/user",
    link_parameter="user_id",
    known_stems=KNOWN_STEMS,
    # Archives of 2012 to 2018 held posts alone.
    classic=(
        r"^(?:.*/)?tweets\.csv$",
        r"^(?:.*/)?data/js/tweets/[0-9]{4}_[0-9]{2}\.js$",
    ),
    request_url="https://x.com/settings/download_your_data",
)
