"""How many more accounts a server lets somebody follow.

https://github.com/mastodon/mastodon/blob/main/app/validators/follow_limit_validator.rb
"""

from __future__ import annotations

from openportability.domain import Grant
from openportability.errors import Unavailable
from openportability.network import Context, Room
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.home import home_of

#: Anybody may follow so many; from there on, so many for each ten who follow them.
CEILING = 7_500
_FOR_TEN_FOLLOWERS = 11


def room(context: Context, grant: Grant) -> Room:
    """Ask the person's own server once, and return what is left."""
    me = answers.mapping(home_of(context, grant).me())
    following, followers = me.get("following_count"), me.get("followers_count")
    if not isinstance(following, int) or not isinstance(followers, int):
        raise Unavailable("net.garbage")
    by_ratio = followers * _FOR_TEN_FOLLOWERS // 10
    # A file is refused whole where it leads over the limit that holds before it is read (models/form/import.rb).
    for_file = CEILING if following < CEILING else by_ratio
    return Room(
        in_all=max(0, max(CEILING, by_ratio) - following),
        in_a_file=max(0, for_file - following),
    )
