"""Lists of a person's own account: by its server's API, or from the files that servers export."""

from __future__ import annotations

from openportability.domain import ActorId, Grant, Kind
from openportability.network import Context, ListFile, ListFiles, Named, Page
from openportability.networks.mastodon import syntax
from openportability.networks.mastodon.home import WHO_AM_I, home_of

#: The member that a page of each kind is asked by. Blocks and mutes need rights that we never ask for.
_VERBS = {Kind.FOLLOWING: "following", Kind.FOLLOWERS: "followers"}


class Lists:
    """The lists, as the person's own server keeps them now."""

    kinds = tuple(_VERBS)

    def __init__(self, context: Context, *, gap_seconds: float) -> None:
        self._context = context
        self.gap_seconds = gap_seconds

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        """Return a page of a list; pending requests are not among whom our user follows."""
        home = home_of(self._context, grant)
        if cursor is None:
            # Some servers show this list to anybody: a dead token would read as a list cut short.
            home.get(WHO_AM_I)
        return home.people(grant.secret["account_id"], _VERBS[kind], cursor)


def list_files(*, development: bool) -> ListFiles:
    """Describe what Mastodon exports (app/models/export.rb), and what most of its kin copy."""

    def name(written: str, own_handle: str) -> Named:
        spelled = syntax.address(written, own_handle, development=development)
        handle = syntax.spell(spelled.user or "", spelled.host)
        scheme = "http" if development and ":" in spelled.host else "https"
        # Mastodon, GoToSocial, Pleroma and Pixelfed: the actor's URI is made of the name.
        uri = f"{scheme}://{spelled.host}/users/{spelled.user}"
        return Named(handle=handle, usual_id=ActorId(uri))

    return ListFiles(
        files=(
            ListFile(name="following_accounts", kind=Kind.FOLLOWING, column="Show boosts"),
            ListFile(
                name="muted_accounts", kind=Kind.MUTED, column="Hide notifications", opt_in=True
            ),
            ListFile(name="blocked_accounts", kind=Kind.BLOCKED, opt_in=True),
        ),
        handle_column="Account address",
        name=name,
    )
