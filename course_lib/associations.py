"""WEAT: associations that nobody asked the vectors to learn, as large as they are and as likely by chance.

Two lists of target words (flowers, insects) and two of attributes (pleasant, unpleasant): do the first targets stand
nearer to the first attributes than the second targets do? `weat` answers with an effect and a permutation test. The
word lists are the published ones. What is left out: tests of sentences (SEAT), and every way to take a bias out.

Paper: Caliskan, Bryson & Narayanan (2017), "Semantics derived automatically from language corpora contain human-like
biases".

Shapes: N target words, X of them in the first list; D numbers a word.
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from course_lib.settings import Size, Texts, require
from course_lib.shapes import shaped

MOST_PARTITIONS = 200_000  # up to so many are all tried (C(20, 10) is 184,756); of more, a sample

_PLEASANT = """caress freedom health love peace cheer friend heaven loyal pleasure diamond gentle honest lucky rainbow
    diploma gift honor miracle sunrise family happy laughter paradise vacation""".split()
_UNPLEASANT = """abuse crash filth murder sickness accident death grief poison stink assault disaster hatred pollute
    tragedy divorce jail poverty ugly cancer kill rotten vomit agony prison""".split()

# The word lists of Caliskan, Bryson & Narayanan (2017), supplement, under their numbers: `weat(vectors, **WEAT[6])`.
WEAT: dict[int, dict[str, list[str]]] = {
    1: {  # flowers and insects (Greenwald, McGhee & Schwartz 1998)
        "targets_x": """aster clover hyacinth marigold poppy azalea crocus iris orchid rose bluebell daffodil lilac
            pansy tulip buttercup daisy lily peony violet carnation gladiola magnolia petunia zinnia""".split(),
        "targets_y": """ant caterpillar flea locust spider bedbug centipede fly maggot tarantula bee cockroach gnat
            mosquito termite beetle cricket hornet moth wasp blackfly dragonfly horsefly roach weevil""".split(),
        "attributes_a": _PLEASANT,
        "attributes_b": _UNPLEASANT,
    },
    2: {  # musical instruments and weapons (Greenwald, McGhee & Schwartz 1998)
        "targets_x": """bagpipe cello guitar lute trombone banjo clarinet harmonica mandolin trumpet bassoon drum harp
            oboe tuba bell fiddle harpsichord piano viola bongo flute horn saxophone violin""".split(),
        "targets_y": """arrow club gun missile spear axe dagger harpoon pistol sword blade dynamite hatchet rifle tank
            bomb firearm knife shotgun teargas cannon grenade mace slingshot whip""".split(),
        "attributes_a": _PLEASANT,
        "attributes_b": _UNPLEASANT,
    },
    6: {  # men's and women's names, career and family (Nosek, Banaji & Greenwald 2002)
        "targets_x": "John Paul Mike Kevin Steve Greg Jeff Bill".split(),
        "targets_y": "Amy Joan Lisa Sarah Diana Kate Ann Donna".split(),
        "attributes_a": "executive management professional corporation salary office business career".split(),
        "attributes_b": "home parents children family cousins marriage wedding relatives".split(),
    },
}


@dataclass(frozen=True)
class WeatResult:
    """What `weat` found."""

    effect: float  # Cohen's d: by how many standard deviations the mean associations of X and Y differ, -2 to 2
    p_value: float  # the share of partitions of X and Y that differ at least as much, in the same direction
    partitions: int  # how many were tried
    exact: bool  # whether these were all there are
    associations: dict[str, float] = field(repr=False)  # of each target word that is known
    missing: dict[str, list[str]]  # list -> its words without a vector

    def __str__(self) -> str:
        tried = f"{'all' if self.exact else 'a sample of'} {self.partitions:,} partitions"
        absent = sum(map(len, self.missing.values()))
        return f"d = {self.effect:.2f}, p = {self.p_value:.2g} ({tried}; {absent} words without a vector)"


@shaped
def weat(vectors, targets_x: Texts, targets_y: Texts, attributes_a: Texts, attributes_b: Texts,
         samples: Size = 10_000, seed: int = 1) -> WeatResult:  # fmt: skip
    """Word Embedding Association Test: do the words X stand nearer to A than to B, compared with the words Y?

    The association of a word: s(w) = mean cosine to A - mean cosine to B. The effect: d = (mean s over X - mean s over
    Y) / standard deviation of s over both (with n - 1). The p-value: were X and Y one pile, dealt anew into piles of
    these sizes, how often would X get a sum of s as large? All deals are tried where there are at most MOST_PARTITIONS
    of them, else `samples` drawn with `seed`. The deal that was found counts as one of them, so p is never 0.

    A word is looked up as it is written, then in small letters; words without a vector are left out and named in
    `missing`. Raises ValueError where fewer than two words of a list are left, or a word is in both X and Y.
    """
    lists = {"targets_x": targets_x, "targets_y": targets_y, "attributes_a": attributes_a, "attributes_b": attributes_b}
    units, found, missing = {}, {}, {}
    for name, words in lists.items():
        rows: dict[int, str] = {}  # a word in two spellings of which one has a vector is one word
        for word in words:
            if word in vectors or word.lower() in vectors:
                rows.setdefault(vectors.get_index(word if word in vectors else word.lower()), word)
        found[name] = rows
        missing[name] = [word for word in dict.fromkeys(words) if not (word in vectors or word.lower() in vectors)]
        require(len(rows) > 1, name, list(rows.values()), f"two words with a vector or more, not {missing[name]}")
        units[name] = vectors.units(np.array(list(rows))).astype(np.float64)
    if both := found["targets_x"].keys() & found["targets_y"].keys():
        words = ", ".join(sorted(found["targets_x"][row] for row in both))
        raise ValueError(f"{words} is in targets_x and in targets_y: keep it in one of them.")
    targets = np.concatenate([units["targets_x"], units["targets_y"]])  # [X + Y, D]
    s = (targets @ units["attributes_a"].T).mean(axis=1) - (targets @ units["attributes_b"].T).mean(axis=1)  # [X + Y]
    num_x = len(found["targets_x"])
    require(s.std() > 0, "associations", s, "unlike: every target word has the same association (is anything trained?)")
    effect = (s[:num_x].mean() - s[num_x:].mean()) / s.std(ddof=1)
    p_value, partitions, exact = _permutation_test(s, num_x, samples, seed)
    words = [*found["targets_x"].values(), *found["targets_y"].values()]
    return WeatResult(float(effect), p_value, partitions, exact, dict(zip(words, s.tolist(), strict=True)), missing)


def _permutation_test(s: Float[np.ndarray, " N"], num_x: int, samples: int, seed: int) -> tuple[float, int, bool]:
    """One-sided p: how often do `num_x` of the values, dealt at random, sum up to what the first ones do? -> p, deals.

    Of a given number of values the sum alone decides: where X's is larger, Y's is smaller by as much.
    """
    observed = s[:num_x].sum() - 1e-9 * np.abs(s).sum()  # equal sums, added up in another order, count as equal
    partitions = math.comb(len(s), num_x)
    if partitions <= MOST_PARTITIONS:
        deals = np.array(list(itertools.combinations(range(len(s)), num_x)))  # [partitions, X]
        return float((s[deals].sum(axis=1) >= observed).mean()), partitions, True
    rng = np.random.default_rng(seed)
    deals = rng.random((samples, len(s))).argpartition(num_x, axis=1)[:, :num_x]
    larger = int((s[deals].sum(axis=1) >= observed).sum())
    return (larger + 1) / (samples + 1), samples, False
