"""A server of the Mastodon kind, stricter than any we can run: what real ones refuse, it refuses.

Redirect addresses equal to the byte, scopes registered literally, PKCE checked, codes that work
once, one token for the same application, person and scopes, tokens that die, limits that count.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.networks.mastodon.person import Person
from tests.networks.stand_in import Question, Said

LIMITS = {"x-ratelimit-limit": "300", "x-ratelimit-remaining": "299"}
RESET = "2999-01-01T00:00:00.000000Z"


@dataclass(frozen=True, kw_only=True)
class Token:
    client_id: str
    person: str
    scopes: frozenset[str]


@dataclass(kw_only=True)
class StrictServer:
    """Its state is plain: tests read it, and change it to make trouble."""

    host: str
    domain: str = ""
    scheme: str = "https"
    #: False: no OAuth metadata and no `profile`, as before 4.3.
    modern: bool = True
    known_scopes: frozenset[str] = frozenset(
        "profile read read:accounts read:follows read:search write write:follows "
        "write:blocks write:mutes follow".split()
    )
    apps_left: int = 5
    follows_left: int = 400
    #: True: it lets nobody here follow anybody, and does not say why.
    forbids: bool = False
    following_pages: int = 2
    signed_in: str = "alice"
    #: What the person says on the consent page.
    agrees: bool = True
    #: Servers that this one can ask about their people, by host.
    peers: dict[str, StrictServer] = field(default_factory=dict)
    expires_in: int | None = None
    #: True: no code is looked at, as by snac; a token goes to whoever consented last.
    is_lax: bool = False
    people: dict[str, Person] = field(default_factory=dict)
    apps: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    refreshes: dict[str, Token] = field(default_factory=dict)
    follows: list[tuple[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    #: Who blocks, and who mutes whom.
    avoided: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: {"block": [], "mute": []}
    )
    #: Replies given instead, in turn, by the end of a path.
    faults: dict[str, list[Said]] = field(default_factory=dict)
    #: Ends of paths whose next answer is lost on the way, after the deed.
    lost: list[str] = field(default_factory=list)
    #: Every method and path asked.
    asked: list[str] = field(default_factory=list)

    def add(self, username: str, **more: object) -> Person:
        """Let someone live here."""
        number = str(100 + len(self.people))
        uri = f"{self.scheme}://{self.host}/users/{username}"
        self.people[number] = Person(id=number, username=username, uri=uri, **more)  # type: ignore[arg-type] # fields by name
        return self.people[number]

    def add_remote(self, username: str, host: str, **more: object) -> Person:
        """Let this server hear of someone who lives elsewhere."""
        number = str(100 + len(self.people))
        uri = f"https://{host}/users/{username}"
        self.people[number] = Person(
            id=number,
            username=username,
            uri=uri,
            domain=host,
            known=False,
            **more,  # type: ignore[arg-type] # fields by name
        )
        return self.people[number]

    def fail(self, path: str, *said: Said) -> None:
        """Answer the next questions to a path with these."""
        self.faults.setdefault(path, []).extend(said)

    def __call__(self, question: Question) -> Said:
        self.asked.append(f"{question.method} {question.path}")
        said = self._answer(question)
        for end in self.lost:
            if question.path.endswith(end):
                self.lost.remove(end)
                return Said(status=0)
        return said

    def _answer(self, question: Question) -> Said:
        for end, waiting in self.faults.items():
            if waiting and question.path.endswith(end):
                return waiting.pop(0)
        routes: dict[str, Callable[[Question], Said]] = {
            "/api/v2/instance": self._instance,
            "/.well-known/oauth-authorization-server": self._metadata,
            "/.well-known/webfinger": self._webfinger,
            "/api/v1/apps": self._register,
            "/oauth/authorize": self._authorize,
            "/oauth/token": self._token,
            "/oauth/revoke": self._revoke,
            "/api/v1/accounts/verify_credentials": self._me,
            "/api/v1/accounts/lookup": self._lookup,
            "/api/v1/accounts/relationships": self._relationships,
            "/api/v2/search": self._search,
        }
        if question.path in routes:
            return routes[question.path](question)
        match question.path.strip("/").split("/"):
            case ["api", "v1", "accounts", number]:
                return self._account(question, number)
            case ["api", "v1", "accounts", number, verb]:
                return self._verb(question, number, verb)
        return Said(status=404, body="<h1>The page you are looking for isn't here.</h1>")

    # --- what anyone may ask ------------------------------------------------------------------

    def _instance(self, question: Question) -> Said:
        return Said(body={"domain": self.domain or self.host, "version": "4.5.0"})

    def _metadata(self, question: Question) -> Said:
        if not self.modern:
            return Said(status=404, body="<h1>404</h1>")
        return Said(
            body={
                "issuer": f"{self.scheme}://{self.host}/",
                "scopes_supported": sorted(self.known_scopes),
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _webfinger(self, question: Question) -> Said:
        user, _, domain = question.value("resource").removeprefix("acct:").partition("@")
        for person in self.people.values():
            if person.username == user and not person.domain and domain in (self.host, self.domain):
                link = {"rel": "self", "type": "application/activity+json", "href": person.uri}
                return Said(body={"subject": f"acct:{user}@{domain}", "links": [link]})
        return Said(status=404, body="")

    # --- OAuth --------------------------------------------------------------------------------

    def _register(self, question: Question) -> Said:
        if self.apps_left <= 0:
            return Said(status=429, body={"error": "Too many requests"})
        scopes = question.value("scopes").split()
        if not set(scopes) <= self.known_scopes - (set() if self.modern else {"profile"}):
            return Said(status=422, body={"error": "Scopes doesn't match configured on the server"})
        self.apps_left -= 1
        client_id, client_secret = secrets.token_hex(8), secrets.token_hex(8)
        self.apps[client_id] = {
            "secret": client_secret,
            "redirect_uri": question.value("redirect_uris"),
            "scopes": " ".join(scopes),
        }
        return Said(body={"client_id": client_id, "client_secret": client_secret})

    def _authorize(self, question: Question) -> Said:
        app = self.apps.get(question.value("client_id"))
        if app is None or question.value("redirect_uri") != app["redirect_uri"]:
            return Said(status=400, body="<h1>Client authentication failed</h1>")
        back = {"state": question.value("state")}
        if any(
            not values[0] or values[0] in ("None", "False") for values in question.query.values()
        ):
            return Said(status=400, body="<h1>an empty parameter</h1>")
        if not set(question.value("scope").split()) <= set(app["scopes"].split()):
            back["error"] = "invalid_scope"
        elif not self.agrees:
            back["error"] = "access_denied"
        elif question.value("code_challenge_method") != "S256" or not back["state"]:
            back["error"] = "invalid_request"
        else:
            back["code"] = secrets.token_hex(8)
            self.codes[back["code"]] = {
                "client_id": question.value("client_id"),
                "redirect_uri": question.value("redirect_uri"),
                "challenge": question.value("code_challenge"),
                "scopes": question.value("scope"),
                "person": self.signed_in,
            }
        return Said(
            status=302, headers={"location": f"{question.value('redirect_uri')}?{urlencode(back)}"}
        )

    def _token(self, question: Question) -> Said:
        client_id = question.value("client_id")
        app = self.apps.get(client_id)
        if app is None or app["secret"] != question.value("client_secret"):
            return Said(status=401, body={"error": "invalid_client"})
        match question.value("grant_type"):
            case "client_credentials":
                return Said(body={"access_token": secrets.token_hex(8), "scope": "read"})
            case "refresh_token":
                given = self.refreshes.pop(question.value("refresh_token"), None)
            case _:
                given = self._redeem(question, client_id)
        if given is None:
            return Said(status=400, body={"error": "invalid_grant"})
        return self._hand_out(given)

    def _redeem(self, question: Question, client_id: str) -> Token | None:
        if self.is_lax:
            last = [code for code in self.codes.values() if code["client_id"] == client_id]
            given = last[-1] if last else {"person": "", "scopes": ""}
            scopes = frozenset(given["scopes"].split())
            return Token(client_id=client_id, person=given["person"], scopes=scopes)
        code = self.codes.pop(question.value("code"), None)
        digest = hashlib.sha256(question.value("code_verifier").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            code is None
            or code["client_id"] != client_id
            or code["redirect_uri"] != question.value("redirect_uri")
            or code["challenge"] != challenge
        ):
            return None
        scopes = frozenset(code["scopes"].split())
        return Token(client_id=client_id, person=code["person"], scopes=scopes)

    def _hand_out(self, given: Token) -> Said:
        same = (text for text, token in self.tokens.items() if token == given)
        text = next(same, None) if self.expires_in is None else None
        text = text or secrets.token_hex(8)
        self.tokens[text] = given
        body: dict[str, object] = {"access_token": text, "scope": " ".join(sorted(given.scopes))}
        if self.expires_in is not None:
            body |= {"expires_in": self.expires_in, "refresh_token": secrets.token_hex(8)}
            self.refreshes[str(body["refresh_token"])] = given
        return Said(body=body)

    def _revoke(self, question: Question) -> Said:
        token = self.tokens.get(question.value("token"))
        if token is not None and token.client_id != question.value("client_id"):
            return Said(status=403, body={"error": "unauthorized_client"})
        self.tokens.pop(question.value("token"), None)
        return Said()

    # --- what takes a token -------------------------------------------------------------------

    def _refused(self, question: Question, *scopes: str) -> Said | None:
        token = self.tokens.get(question.bearer)
        if token is None:
            return Said(status=401, body={"error": "The access token is invalid"})
        accepted = {*scopes, *(scope.partition(":")[0] for scope in scopes)}
        if not token.scopes & accepted:
            said = 'Bearer realm="Doorkeeper", error="insufficient_scope"'
            return Said(status=403, body={"error": "…"}, headers={"www-authenticate": said})
        return None

    def _asker(self, question: Question) -> Person:
        name = self.tokens[question.bearer].person
        return next(p for p in self.people.values() if p.username == name and not p.domain)

    def _me(self, question: Question) -> Said:
        refused = self._refused(question, "profile", "read:accounts")
        return refused or Said(body=self._asker(question).shown())

    def _account(self, question: Question, number: str) -> Said:
        if refused := self._refused(question, "read:accounts"):
            return refused
        person = self.people.get(number)
        return Said(body=person.shown()) if person else Said(status=404, body={"error": "…"})

    def _lookup(self, question: Question) -> Said:
        if refused := self._refused(question, "read:accounts"):
            return refused
        for person in self.people.values():
            if person.known and person.acct == question.value("acct"):
                return Said(body=person.shown(), headers=LIMITS)
        return Said(status=404, body="<h1>404</h1>")

    def _search(self, question: Question) -> Said:
        if refused := self._refused(question, "read:search"):
            return refused
        wanted = question.value("q")
        found = [p for p in self.people.values() if wanted in (f"@{p.acct}", p.uri)]
        found = found or self._asked_about(wanted)
        for person in found:
            person.known = True
        return Said(body={"accounts": [p.shown() for p in found], "statuses": [], "hashtags": []})

    def _asked_about(self, wanted: str) -> list[Person]:
        """Ask other servers about a handle or a URI, and show here whom they know."""
        for host, peer in self.peers.items():
            for person in peer.people.values():
                if not person.domain and wanted in (f"@{person.username}@{host}", person.uri):
                    shown = self.add_remote(person.username, host, locked=person.locked)
                    shown.uri, shown.moved = person.uri, person.moved
                    return [shown]
        return []

    def _relationships(self, question: Question) -> Said:
        if refused := self._refused(question, "read:follows"):
            return refused
        shown = (self.people.get(number) for number in question.query.get("id[]", []))
        there = (person for person in shown if person is not None and not person.suspended)
        return Said(body=[self._tie(question, person) for person in there], headers=LIMITS)

    def _tie(self, question: Question, person: Person) -> dict[str, object]:
        pair = (self._asker(question).id, person.id)
        return {
            "id": person.id,
            "following": pair in self.follows,
            "requested": pair in self.requests,
            "blocking": pair in self.avoided["block"],
            "muting": pair in self.avoided["mute"],
            "blocked_by": person.blocks_us,
            "domain_blocking": False,
        }

    def _verb(self, question: Question, number: str, verb: str) -> Said:
        if verb in ("following", "followers"):
            return self._listed(question, number, verb)
        avoided = self.avoided.get(verb.removeprefix("un"))
        needed = "follows" if avoided is None else f"{verb.removeprefix('un')}s"
        if refused := self._refused(question, f"write:{needed}"):
            return refused
        person = self.people.get(number)
        if person is None or person.suspended:
            return Said(status=404, body={"error": "Record not found"})
        pair = (self._asker(question).id, number)
        if avoided is not None:
            avoided[:] = [one for one in avoided if one != pair]
            avoided += [pair] * (not verb.startswith("un"))
            return Said(body=self._tie(question, person))
        if verb == "unfollow":
            for ties in (self.follows, self.requests):
                if pair in ties:
                    ties.remove(pair)
            return Said(body=self._tie(question, person))
        return self._follow(question, person, pair)

    def _follow(self, question: Question, person: Person, pair: tuple[str, str]) -> Said:
        if self.forbids or person.moved or person.blocks_us or pair[0] == pair[1]:
            return Said(status=403, body={"error": "This action is not allowed"})
        if pair in self.follows or pair in self.requests:
            return Said(body=self._tie(question, person), headers=self._quota())
        if self.follows_left <= 0:
            return Said(status=429, body={"error": "Too many requests"}, headers=self._quota())
        self.follows_left -= 1
        (self.requests if person.locked else self.follows).append(pair)
        return Said(body=self._tie(question, person), headers=self._quota())

    def _quota(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": "400",
            "x-ratelimit-remaining": str(self.follows_left),
            "x-ratelimit-reset": RESET,
        }

    def _listed(self, question: Question, number: str, verb: str) -> Said:
        if refused := self._refused(question, "read:accounts"):
            return refused
        ours = [them for us, them in self.follows if us == number]
        theirs = [us for us, them in self.follows if them == number]
        people = [self.people[one] for one in (ours if verb == "following" else theirs)]
        size, start = int(question.value("limit") or 40), int(question.value("max_id") or 0)
        page = people[start : start + size]
        headers = {}
        if page:  # as some do: a full page promises another, which may be empty
            onward = urlencode({"limit": size, "max_id": start + size})
            path = f"{self.scheme}://{self.host}{question.path}"
            headers["link"] = f'<{path}?{onward}>; rel="next", <{path}?min_id=1>; rel="prev"'
        return Said(body=[person.shown() for person in page], headers=headers)


def paths(server: StrictServer, end: str) -> list[str]:
    """Return what was asked of a server, by the end of its path."""
    return [asked for asked in server.asked if asked.endswith(end)]
