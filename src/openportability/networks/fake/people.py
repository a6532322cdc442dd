"""Who lives in the simulated world, and who knew whom. The same seed gives the same people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from random import Random

#: The person that the demo is about; always number 0.
NEWCOMER = "newcomer"
NEWCOMER_NAME = "Nora Newcomer"
NEWCOMER_FOLLOWS = 300
NEWCOMER_FOLLOWERS = 200
#: Of the newcomer's followers, how many are followed back.
NEWCOMER_MUTUALS = 120

FIRST = (
    "Ada Aline Amal Anouk Bashir Bruno Camille Carmen Chloe Dario Dora Elif Emil Farah Femi Gaia "
    "Hana Hugo Ines Ivan Jonas Jun Kaya Kofi Lena Lucia Malik Marta Mina Naima Noor Olga Oscar "
    "Paula Rania Rosa Sami Selma Tariq Tessa Uma Viktor Wanda Yara Zoe"
).split()
LAST = (
    "Abel Adeyemi Alvarez Arnaud Bauer Becker Bianchi Blanc Castro Chen Costa Dahl Diallo Dubois "
    "Eriksson Faure Ferrari Fischer Garcia Haddad Hansen Ibarra Jansen Kaplan Keller Kone Lambert "
    "Lindgren Lopez Marchand Mendes Moreau Nakamura Novak Okafor Petit Quintero Ricci Rossi Sato "
    "Schmid Silva Sorel Tanaka Traore Usman Vidal Weber Yilmaz Zeller"
).split()


def draw(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


@dataclass(frozen=True, kw_only=True)
class Person:
    """Someone of the world, wherever they live."""

    number: int
    name: str
    #: Lower-case letters, digits and underscores; unique in the world.
    nick: str


class People:
    """All people of a world, and whom each followed in the place that they left."""

    def __init__(self, seed: str, count: int) -> None:
        self.seed = seed
        self.all: Sequence[Person] = [_person(seed, number) for number in range(count)]

    @cached_property
    def following(self) -> Sequence[Sequence[int]]:
        """Whom each person followed, by number: a few know very many, a few are known by most."""
        count = len(self.all)
        chance = Random(f"{self.seed}:circles")
        by_fame = list(range(1, count))
        chance.shuffle(by_fame)
        circles: list[set[int]] = [set() for _ in range(count)]
        for one in range(1, count):
            degree = min(int(12 * chance.paretovariate(1.3)), count // 3)
            for _ in range(degree):
                other = by_fame[int(len(by_fame) * chance.random() ** 2.5)]
                if other != one:
                    circles[one].add(other)
                    if chance.random() < 0.25:
                        circles[other].add(one)
        self._place_newcomer(circles, chance)
        return [sorted(circle) for circle in circles]

    @cached_property
    def followers(self) -> Sequence[Sequence[int]]:
        """Who followed each person, by number."""
        found: list[list[int]] = [[] for _ in self.all]
        for one, circle in enumerate(self.following):
            for other in circle:
                found[other].append(one)
        return found

    def _place_newcomer(self, circles: list[set[int]], chance: Random) -> None:
        others = range(1, len(self.all))
        follows = chance.sample(others, min(NEWCOMER_FOLLOWS, len(others)))
        strangers = sorted(set(others) - set(follows))
        back = follows[:NEWCOMER_MUTUALS]
        more = chance.sample(strangers, min(NEWCOMER_FOLLOWERS - NEWCOMER_MUTUALS, len(strangers)))
        circles[0] = set(follows)
        for one in (*back, *more):
            circles[one].add(0)


def _person(seed: str, number: int) -> Person:
    if number == 0:
        return Person(number=0, name=NEWCOMER_NAME, nick=NEWCOMER)
    first = FIRST[int(len(FIRST) * draw(seed, "first", number))]
    last = LAST[int(len(LAST) * draw(seed, "last", number))]
    return Person(number=number, name=f"{first} {last}", nick=f"{first}_{last}{number}".lower())
