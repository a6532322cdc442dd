"""Somebody on the strict stand-in, as such a server shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Person:
    """Someone as this server shows them: of its own, or of another server."""

    id: str
    username: str
    uri: str
    #: What they call themselves, if they ever said.
    name: str = ""
    #: Their domain when they live elsewhere.
    domain: str = ""
    locked: bool = False
    moved: Person | None = None
    suspended: bool = False
    blocks_us: bool = False
    #: Held back by those who run this server; told where it is so, as Mastodon does.
    limited: bool = False
    #: Elsewhere people are found by search alone until somebody looked.
    known: bool = True
    #: How many they follow, and who follow them; None: this server does not tell.
    counts: tuple[int, int] | None = (0, 0)

    @property
    def acct(self) -> str:
        return f"{self.username}@{self.domain}" if self.domain else self.username

    def shown(self) -> dict[str, object]:
        entity: dict[str, object] = {
            "id": self.id,
            "username": self.username,
            "acct": self.acct,
            "display_name": self.name or self.username.title(),
            "uri": self.uri,
            "url": self.uri.replace("/users/", "/@"),
            "avatar": f"https://pictures.example/{self.username}.png",
            "locked": self.locked,
        }
        if self.counts:
            entity["following_count"], entity["followers_count"] = self.counts
        if self.moved:
            entity["moved"] = self.moved.shown()
        if self.suspended:
            entity["suspended"] = True
        if self.limited:
            entity["limited"] = True
        return entity
