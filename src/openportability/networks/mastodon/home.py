"""A person's own server, asked with their token: one method a question, answered in nouns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

from openportability.domain import Grant, Relationship
from openportability.errors import SignedOut, Unavailable
from openportability.network import Context, Page
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.answers import Seen
from openportability.outbound import Parameters, Reply

WHO_AM_I = "/api/v1/accounts/verify_credentials"
#: Follows a page holds at most (docs: methods/accounts).
PAGE = 80
#: A search may fetch from the other person's server before it answers.
_SEARCH_SECONDS = 8.0
#: Scopes that let a token ask who it belongs to.
_SELF = frozenset({"profile", "read:accounts", "read"})


@dataclass(frozen=True, kw_only=True)
class Home:
    """The server where one grant was given. Raises what stops all; the rest is in the answers."""

    context: Context
    #: Address of its API, without a slash at the end.
    api: str
    token: str = field(repr=False)
    #: What was granted.
    scopes: frozenset[str]
    #: True where it counts what our address asks, for whomever.
    counts_addresses: bool
    #: It shows a request that nobody has accepted yet as a follow.
    hides_requests: bool

    def me(self) -> Reply:
        """Return the plain answer to *who am I*, whatever it is."""
        return self._ask("GET", WHO_AM_I)

    def account(self, number: str) -> Seen | None:
        """Return an account by its number here; None if there is none."""
        return self._seen(self.get(f"/api/v1/accounts/{quote(number, safe='')}"))

    def lookup(self, acct: str) -> Seen | None:
        """Return an account that this server knows already, by its handle."""
        return self._seen(self.get("/api/v1/accounts/lookup", {"acct": acct}))

    def search(self, text: str) -> list[Seen]:
        """Return accounts by handle or URI; the server asks theirs if it must."""
        query = {"q": text, "type": "accounts", "resolve": "true", "limit": "5"}
        reply = self.get("/api/v2/search", query, timeout_seconds=_SEARCH_SECONDS)
        found = answers.mapping(reply).get("accounts") if reply.status == 200 else None
        seen = map(answers.account, found if isinstance(found, list) else [])
        return [account for account in seen if account is not None]

    def relationships(self, numbers: Sequence[str]) -> dict[str, Relationship]:
        """Say what is now, by number; accounts that are suspended are left out by the server."""
        reply = self.get("/api/v1/accounts/relationships", {"id[]": list(numbers)})
        found = answers.parsed(reply) if reply.status == 200 else []
        if not isinstance(found, list):
            raise Unavailable
        read = (answers.relationship(one) for one in found)
        ties = {tie.record: tie for tie in read if tie and tie.record in numbers and tie.record}
        if len(numbers) > 1:
            # Some servers fail all for one unknown number, and snac answers for one number only.
            for number in (number for number in numbers if number not in ties):
                ties |= self.relationships([number])
        return ties

    def people(self, number: str, list_name: str, cursor: str | None) -> Page:
        """Return a page of a list of an account, as the server keeps it now."""
        query: Parameters = parse_qs(cursor) if cursor else {"limit": str(PAGE)}
        reply = self.get(f"/api/v1/accounts/{quote(number, safe='')}/{list_name}", query)
        found = answers.parsed(reply)
        if reply.status != 200 or not isinstance(found, list):
            raise Unavailable
        seen = (answers.account(one) for one in found)
        actors = frozenset(one.actor_id for one in seen if one and one.actor_id)
        onward = answers.next_cursor(reply)
        # The last page may be empty, and no page may lead to itself.
        is_last = not found or onward == cursor
        return Page(actors=actors, cursor=None if is_last else onward)

    def shows(self, number: str, mark: str) -> bool | None:
        """Say whether a relationship has a mark, as `blocking`; None where the server leaves out who is suspended."""
        reply = self.get("/api/v1/accounts/relationships", {"id[]": [number]})
        found = answers.parsed(reply) if reply.status == 200 else None
        if not isinstance(found, list):
            raise Unavailable
        return next((answers.shows(one, number, mark) for one in found), None)

    def post(self, number: str, verb: str) -> Reply:
        """Follow, block or mute an account, or end that, with no options: those would change an older follow."""
        path = f"/api/v1/accounts/{quote(number, safe='')}/{verb}"
        return self._sound(self._ask("POST", path))

    def get(
        self, path: str, query: Parameters | None = None, *, timeout_seconds: float = 10.0
    ) -> Reply:
        """Ask, and raise what concerns this whole account or server."""
        reply = self._sound(self._ask("GET", path, query, timeout_seconds))
        if reply.status == 403:  # reading is refused for one reason only
            raise SignedOut("masto.scope_missing")
        answers.keep_some(reply, self.context.clock.now(), everyone=self.counts_addresses)
        return reply

    def _sound(self, reply: Reply) -> Reply:
        answers.raise_for(reply, self.context.clock.now(), everyone=self.counts_addresses)
        if reply.status == 400 and answers.parsed(reply) is None and self.me().status != 200:
            raise SignedOut("masto.token_lost")  # Takahe's way to say 401, in plain text
        if reply.status == 403 and self.me().status == 403:
            knows_itself = self.scopes & _SELF
            raise SignedOut("masto.login_disabled" if knows_itself else "masto.scope_missing")
        if reply.status == 200 and answers.parsed(reply) is None:
            raise Unavailable("net.garbage")
        return reply

    def _seen(self, reply: Reply) -> Seen | None:
        return answers.account(answers.parsed(reply)) if reply.status == 200 else None

    def _ask(
        self,
        method: str,
        path: str,
        query: Parameters | None = None,
        timeout_seconds: float = 10.0,
    ) -> Reply:
        return self.context.door.request(
            method,
            f"{self.api}{path}",
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
            params=query,
            timeout_seconds=timeout_seconds,
            # Some servers close kept connections in silence; a POST must not be said twice.
            fresh=method == "POST",
        )


def home_of(context: Context, grant: Grant) -> Home:
    """Return the server of a grant."""
    return Home(
        context=context,
        api=grant.secret["api"],
        token=grant.secret["access_token"],
        scopes=grant.scopes,
        counts_addresses=grant.secret.get("counts_addresses") == "yes",
        hides_requests=grant.secret.get("hides_requests") == "yes",
    )
