from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from openportability.domain import Purpose
from openportability.errors import Invalid, NetworkError, SignedOut, Throttled, Unavailable
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import HOST, REDIRECT, World, consent
from tests.networks.stand_in import Said

Neighbour = Callable[[str], StrictServer]


def test_a_sign_in_says_who_it_is_and_asks_for_the_least(
    world: World, server: StrictServer
) -> None:
    proved = world.proved(server)
    assert proved.actor.id == f"https://{HOST}/users/alice"
    assert proved.actor.handle == f"alice@{HOST}"
    assert proved.actor.instance == HOST
    assert proved.grant
    assert proved.grant.scopes == {"profile"}
    assert not proved.grant.can_follow


def test_a_server_before_profile_is_asked_to_read_accounts(
    world: World, server: StrictServer
) -> None:
    server.modern = False
    grant = world.proved(server).grant
    assert grant
    assert grant.scopes == {"read:accounts"}


def test_following_asks_for_exactly_what_it_takes(world: World, server: StrictServer) -> None:
    grant = world.granted(server)
    assert grant.scopes == {"read:accounts", "read:follows", "read:search", "write:follows"}
    assert grant.can_follow


def test_a_server_that_knows_only_broad_scopes_is_asked_for_those(
    world: World, server: StrictServer
) -> None:
    server.modern = False
    server.known_scopes = frozenset({"read", "write", "follow"})
    assert world.granted(server).can_follow


def test_an_empty_scope_in_the_answer_means_what_was_asked(
    world: World, server: StrictServer
) -> None:
    world.proved(server)
    (token,) = server.tokens
    server.fail("/oauth/token", Said(body={"access_token": token, "scope": ""}))
    grant = world.proved(server).grant
    assert grant
    assert grant.scopes == {"profile"}


def test_one_application_serves_everybody(world: World, server: StrictServer) -> None:
    for name in ("alice", "bob"):
        server.signed_in = name
        world.proved(server)
        world.proved(server, purpose=Purpose.FOLLOW)
    assert len(server.apps) == 1


def test_an_application_the_server_lost_is_registered_again(
    world: World, server: StrictServer
) -> None:
    world.proved(server)
    server.apps.clear()
    world.clock.forward(hours=7)
    assert world.proved(server).actor.handle == f"alice@{HOST}"
    assert len(server.apps) == 1


def test_an_application_lost_under_way_is_mended_for_the_next_try(
    world: World, server: StrictServer
) -> None:
    begun = world.sign_in.begin(
        typed=HOST, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language=""
    )
    answer = consent(server, begun.url)
    server.apps.clear()
    with pytest.raises(Invalid, match=r"auth\.expired"):
        world.sign_in.finish(secret=begun.secret, answer=answer)
    assert world.proved(server).actor.handle == f"alice@{HOST}"


def test_a_new_address_of_ours_means_a_new_application_and_old_tokens_can_still_be_revoked(
    world: World, server: StrictServer
) -> None:
    old = world.proved(server).grant
    assert old
    world.proved(server, redirect_uri="https://elsewhere.example/callback")
    assert len(server.apps) == 2
    world.sign_in.revoke(old)
    assert old.secret["access_token"] not in server.tokens


def test_a_made_up_code_opens_nobodys_account_even_where_codes_are_not_checked(
    world: World, server: StrictServer
) -> None:
    server.is_lax = True
    server.signed_in = "bob"
    assert world.proved(server).actor.handle == f"bob@{HOST}"
    mallorys = world.sign_in.begin(
        typed=HOST, purpose=Purpose.FOLLOW, redirect_uri=REDIRECT, state="m", language="en"
    )
    answer = {"code": "made-up", "place": HOST}
    with pytest.raises((Invalid, NetworkError)):
        world.sign_in.finish(secret=mallorys.secret, answer=answer)


def test_where_codes_are_not_checked_each_sign_in_can_still_be_revoked(
    world: World, server: StrictServer
) -> None:
    server.is_lax = True
    grant = world.granted(server)
    world.sign_in.revoke(grant)
    assert grant.secret["access_token"] not in server.tokens


def test_too_many_registrations_are_told_as_such(world: World, server: StrictServer) -> None:
    server.apps_left = 0
    with pytest.raises(Throttled) as waiting:
        world.proved(server)
    assert waiting.value.code == "masto.apps_throttled"


def test_a_server_that_registers_nobody_is_named(world: World, server: StrictServer) -> None:
    server.fail("/api/v1/apps", Said(status=403, body="<h1>no</h1>"))
    with pytest.raises(Invalid, match=r"masto\.no_oauth"):
        world.proved(server)


def test_a_code_works_once_and_only_for_its_browser(world: World, server: StrictServer) -> None:
    begun = world.sign_in.begin(
        typed=HOST, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="fr"
    )
    other = world.sign_in.begin(
        typed=HOST, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="t", language="fr"
    )
    answer = consent(server, begun.url)
    with pytest.raises(Invalid, match=r"auth\.expired"):
        world.sign_in.finish(secret=other.secret, answer=answer)
    answer = consent(server, begun.url)
    world.sign_in.finish(secret=begun.secret, answer=answer)
    with pytest.raises(Invalid, match=r"auth\.expired"):
        world.sign_in.finish(secret=begun.secret, answer=answer)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"place": HOST, "error": "access_denied"}, "auth.denied"),
        ({"place": HOST, "error": "server_error"}, "auth.expired"),
        ({"place": HOST}, "auth.expired"),
        ({"place": HOST, "code": "c", "iss": "https://evil.example/"}, "auth.mixed_up"),
        ({"place": "evil.example", "code": "c"}, "auth.mixed_up"),
        ({"place": "", "code": "c"}, "auth.mixed_up"),
        ({"code": "c"}, "auth.mixed_up"),
    ],
)
def test_an_answer_without_a_proof_is_put_into_words(
    world: World, server: StrictServer, answer: dict[str, str], code: str
) -> None:
    begun = world.sign_in.begin(
        typed=HOST, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="en"
    )
    with pytest.raises(Invalid) as refused:
        world.sign_in.finish(secret=begun.secret, answer=answer)
    assert refused.value.code == code


def test_a_code_that_another_server_was_lured_to_give_is_refused(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    neighbour("evil.example").add("mallory")
    honest, lured = (
        world.sign_in.begin(
            typed=host, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="en"
        )
        for host in (HOST, "evil.example")
    )
    # The evil server sends the browser on, to the page of the honest one.
    answer = consent(server, honest.url)
    with pytest.raises(Invalid, match=r"auth\.mixed_up"):
        world.sign_in.finish(secret=lured.secret, answer=answer)


def test_each_server_has_an_address_of_its_own_to_come_back_to(
    world: World, server: StrictServer
) -> None:
    world.proved(server)
    (app,) = server.apps.values()
    assert app["redirect_uri"] == f"{REDIRECT}/{HOST}"


def test_nothing_empty_is_sent_to_the_consent_page(world: World, server: StrictServer) -> None:
    begun = world.sign_in.begin(
        typed=HOST, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language=""
    )
    query = parse_qs(urlsplit(begun.url).query, keep_blank_values=True)
    assert all(value for values in query.values() for value in values)
    assert "lang" not in query


def test_signing_in_as_another_than_the_named_one_is_told(
    world: World, server: StrictServer
) -> None:
    with pytest.raises(Invalid, match=r"auth\.wrong_account"):
        world.proved(server, typed=f"@bob@{HOST}")


def test_an_account_that_waits_for_approval_is_told(world: World, server: StrictServer) -> None:
    server.fail("/verify_credentials", Said(status=403, body={"error": "…"}))
    with pytest.raises(Invalid, match=r"masto\.login_disabled"):
        world.proved(server)


def test_a_handle_on_another_domain_counts_when_that_domain_leads_back(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    server.domain = "example.net"
    front = neighbour("example.net")

    def redirect(path: str) -> Said:
        where = f"https://{HOST}{path}"
        return Said(status=301, body="", headers={"location": where})

    front.fail("/api/v2/instance", *[Said(status=404, body="")] * 2)
    front.fail("/api/v1/instance", *[Said(status=404, body="")] * 2)
    front.fail("/.well-known/nodeinfo", redirect("/.well-known/nodeinfo"))
    query = "?resource=acct:alice@example.net"
    front.fail("/.well-known/webfinger", redirect(f"/.well-known/webfinger{query}"))
    proved = world.proved(server, typed="@alice@example.net")
    assert proved.actor.handle == "alice@example.net"
    assert proved.actor.instance == HOST
    assert proved.actor.id == f"https://{HOST}/users/alice"


def test_a_domain_that_does_not_lead_back_is_not_believed(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    server.domain = "famous.example"
    neighbour("famous.example").add("alice")
    assert world.proved(server).actor.handle == f"alice@{HOST}"


def test_a_lie_about_domain_and_actor_together_is_not_believed(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    famous = neighbour("famous.example")
    server.domain = "famous.example"
    # Word for word what the honest server says of its own person.
    server.people["100"].uri = famous.add("alice").uri
    actor = world.proved(server).actor
    assert actor.id == f"https://{HOST}/@alice"
    assert actor.handle == f"alice@{HOST}"


def test_an_actor_on_a_domain_that_leads_to_this_server_is_believed(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    front = neighbour("example.net")
    uri = front.add("alice").uri
    server.domain, server.people["100"].uri = "example.net", uri
    for path in ("/api/v2/instance", "/api/v1/instance"):
        front.fail(path, *[Said(status=404, body="")] * 4)
    onward = Said(status=301, body="", headers={"location": f"https://{HOST}/x"})
    front.fail("/.well-known/nodeinfo", onward, onward)
    actor = world.proved(server).actor
    assert actor.id == uri
    assert actor.handle == "alice@example.net"


def test_while_a_domain_does_not_say_who_serves_it_nobody_on_it_is_recorded(
    world: World, server: StrictServer, neighbour: Neighbour
) -> None:
    front = neighbour("example.net")
    server.domain, server.people["100"].uri = "example.net", front.add("alice").uri
    for path in ("/api/v2/instance", "/api/v1/instance"):
        front.fail(path, *[Said(status=404, body="")] * 4)
    with pytest.raises(Unavailable):
        world.proved(server)


def test_an_actor_uri_of_another_server_is_not_believed(world: World, server: StrictServer) -> None:
    server.people["100"].uri = "https://famous.example/users/alice"
    actor = world.proved(server).actor
    assert actor.id == f"https://{HOST}/@alice"


def test_a_server_that_shows_no_uri_is_asked_by_webfinger(
    world: World, server: StrictServer
) -> None:
    shown = server.people["100"].shown()
    del shown["uri"]
    server.fail("/verify_credentials", Said(body=shown))
    assert world.proved(server).actor.id == f"https://{HOST}/users/alice"


@pytest.mark.parametrize(
    "typed", ["metadata.google.internal", "nowhere.example", "alice@intranet.example"]
)
def test_a_host_where_nobody_answers_is_named(world: World, typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.proved(StrictServer(host="nowhere.example"), typed=typed)
    assert refused.value.code == "masto.host_unknown"


def test_a_website_that_is_no_such_server_is_told_apart(world: World, neighbour: Neighbour) -> None:
    world.servers["news.example"] = lambda question: Said(status=404, body="<h1>news</h1>")
    with pytest.raises(Invalid, match=r"masto\.no_oauth"):
        world.proved(StrictServer(host="news.example"), typed="news.example")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_out_of_order_is_not_taken_for_one_that_signs_nobody_in(
    world: World, server: StrictServer, status: int
) -> None:
    world.servers[HOST] = lambda question: Said(status=status, body="<h1>Back soon</h1>")
    with pytest.raises(Unavailable) as away:
        world.proved(server)
    assert (away.value.code, away.value.detail) == ("net.unavailable", {"host": HOST})
    world.servers[HOST] = server
    assert world.proved(server).actor.handle == f"alice@{HOST}"


def test_a_server_that_ends_its_tokens_is_refreshed(world: World, server: StrictServer) -> None:
    server.expires_in = 3600
    grant = world.granted(server)
    assert grant.expires_at
    assert abs(grant.expires_at - world.clock.now() - timedelta(hours=1)) < timedelta(minutes=1)
    fresh = world.sign_in.refresh(grant)
    assert fresh.secret["access_token"] != grant.secret["access_token"]
    assert fresh.secret["account_id"] == grant.secret["account_id"]
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.sign_in.refresh(grant)


def test_a_grant_that_does_not_end_stays_as_it_is(world: World, server: StrictServer) -> None:
    grant = world.granted(server)
    assert world.sign_in.refresh(grant) == grant


def test_a_revoked_grant_is_dead_and_revoking_again_is_well(
    world: World, server: StrictServer
) -> None:
    grant = world.granted(server)
    world.sign_in.revoke(grant)
    world.sign_in.revoke(grant)
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.follows.following(grant, None)


def test_a_server_away_keeps_the_revocation_waiting(world: World, server: StrictServer) -> None:
    grant = world.granted(server)
    server.fail("/oauth/revoke", Said(status=502, body=""))
    with pytest.raises(Unavailable):
        world.sign_in.revoke(grant)


def test_secrets_stay_out_of_what_is_printed(world: World, server: StrictServer) -> None:
    grant = world.granted(server)
    assert grant.secret["access_token"] not in repr(grant)
    kept = world.cabinet.get(HOST, "app")
    assert kept
    assert kept["client_secret"] not in grant.secret.values()
