from __future__ import annotations

from openportability.networks.fake.people import People
from openportability.networks.fake.residents import Residents, Role


def test_the_same_seed_gives_the_same_people() -> None:
    one, same, other = People("1", 50), People("1", 50), People("2", 50)
    assert one.all == same.all
    assert one.following == same.following
    assert one.all != other.all


def test_the_newcomer_knows_many_and_is_known_by_fewer() -> None:
    people = People("1", 2_000)
    follows, followers = people.following[0], people.followers[0]
    assert people.all[0].name == "Nora Newcomer"
    assert (len(follows), len(followers)) == (300, 200)
    assert len(set(follows) & set(followers)) == 120


def test_a_few_are_known_by_many() -> None:
    people = People("1", 2_000)
    known = sorted(map(len, people.followers), reverse=True)
    assert sum(known[:20]) > 0.05 * sum(known)
    assert known[0] > 20 * known[1_000]
    assert all(one not in circle for one, circle in enumerate(people.following))


def test_a_world_of_few_people_still_works() -> None:
    assert People("1", 2).following == [[1], [0]]


def test_a_person_lives_on_several_networks_under_their_own_name() -> None:
    people = People("1", 500)
    bird = Residents("bird", Role.SOURCE, people)
    herd = Residents("herd", Role.INSTANCES, people)
    sky = Residents("sky", Role.REPOSITORY, people)
    everywhere = [
        (bird.of_person(number), herd.of_person(number), sky.of_person(number))
        for number in range(500)
    ]
    assert all(on_bird for on_bird, _, _ in everywhere)
    both = [homes for homes in everywhere if homes[1] and homes[2]]
    assert 80 < len(both) < 250
    for homes in both:
        assert len({home.name for home in homes if home}) == 1
    assert all(one.id.isdigit() and int(one.id) < 2**64 for one in bird)
    assert all(one.id.startswith("https://") for one in herd)
    assert all(one.id.startswith("did:") for one in sky)
    for network in (bird, herd, sky):
        assert len({one.id for one in network}) == len(list(network))
        assert len({one.handle for one in network}) == len(list(network))


def test_some_are_locked_some_have_moved_and_some_are_gone() -> None:
    herd = Residents("herd", Role.INSTANCES, People("1", 2_000))
    assert any(one.locked for one in herd)
    assert any(one.gone for one in herd)
    moved = [one for one in herd if one.moved_to]
    assert moved
    for one in moved:
        new = herd.get(one.moved_to or "")
        assert new
        assert new.person == one.person
        assert herd.of_person(one.person or 0) is new


def test_a_handle_is_found_in_all_its_spellings() -> None:
    people = People("1", 10)
    herd = Residents("herd", Role.INSTANCES, people)
    sky = Residents("sky", Role.REPOSITORY, people)
    for typed in ("newcomer", "@newcomer", "newcomer@meadow.example", " @Newcomer@meadow.example"):
        assert herd.named(typed) is herd.of_person(0)
    assert sky.named("newcomer.sky.example") is sky.of_person(0)
    assert sky.named("nobody.sky.example") is None
