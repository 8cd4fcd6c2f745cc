"""Checks of lesson 27: Wilson's interval, McNemar's test, and who is on Pareto's front.

Papers. Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference"; McNemar (1947), "Note on
the Sampling Error of the Difference Between Correlated Proportions or Percentages".
"""

import math

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- wilson -----------------------------------------------------------------------------------------------------------


def _wilson(right, asked):
    share, z = right / asked, 1.96
    middle = (share + z**2 / (2 * asked)) / (1 + z**2 / asked)
    half = z * math.sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2)) / (1 + z**2 / asked)
    return middle - half, middle + half


wilson = Exercise(
    _wilson,
    Round([
        Case((7, 10), "7 of 10 right"),
        Case((850, 1000), "850 of 1,000 right"),
        Case((3, 16), "3 of 16 right"),
    ], [
        slip("wald", "this is the textbook's interval, share ± z · error: good for many answers near a half, bad at "
             "the edges",
             lambda right, asked: tuple(right / asked + sign * 1.96 * math.sqrt(right * (asked - right) / asked**3)
                                        for sign in (-1, 1)),
             lambda right, asked: tuple(min(1, max(0, right / asked + sign * 1.96
                                                   * math.sqrt(right * (asked - right) / asked**3)))
                                        for sign in (-1, 1))),
        slip("middle-is-the-share", "the middle is the share itself: Wilson's is drawn towards a half",
             "(share + z**2 / (2 * asked)) / (1 + z**2 / asked) -> share"),
        slip("not-divided-middle", "the middle was not divided by 1 + z²/n",
             "(2 * asked)) / (1 + z**2 / asked) -> (2 * asked))"),
        slip("not-divided-half", "half the width was not divided by 1 + z²/n",
             "(4 * asked**2)) / (1 + z**2 / asked) -> (4 * asked**2))"),
        slip("nothing-divided", "neither the middle nor half the width was divided by 1 + z²/n",
             ("(2 * asked)) / (1 + z**2 / asked) -> (2 * asked))", "(4 * asked**2)) / (1 + z**2 / asked) -> "
              "(4 * asked**2))")),
        slip("half-of-the-middle", "of the middle only z²/2n was divided by 1 + z²/n: put brackets round the sum",
             "(share + z**2 / (2 * asked)) / (1 -> share + z**2 / (2 * asked) / (1"),
        slip("divided-inside", "1 + z²/n was divided by under the root: it belongs below the root as a whole",
             "(4 * asked**2)) / (1 + z**2 / asked) -> (4 * asked**2) / (1 + z**2 / asked))",
             "math.sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2)) / (1 + z**2 / asked) -> "
             "math.sqrt((share * (1 - share) / asked + z**2 / (4 * asked**2)) / (1 + z**2 / asked))"),
        slip("brackets", "a pair of brackets is missing: z**2 / 4 * n**2 divides by 4 and *multiplies* by n squared "
             "(and z**2 / 2 * n by n)", "(4 * asked**2)) -> 4 * asked**2)", "(2 * asked)) -> 2 * asked)",
             ("(4 * asked**2)) -> 4 * asked**2)", "(2 * asked)) -> 2 * asked)")),
        slip("z-unsquared", "somewhere z stands where z² belongs",
             "z**2 / (2 * asked) -> z / (2 * asked)", "z**2 / (4 * asked**2) -> z / (4 * asked**2)",
             "1 + z**2 / asked -> 1 + z / asked", "z**2 -> z"),
        slip("rounded", "the ends were rounded: give them with all their digits",
             *[lambda right, asked, digits=digits: tuple(round(end, digits) for end in _wilson(right, asked))
               for digits in (2, 3)]),
        slip("no-root", "the square root is missing", "math.sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2)) "
             "-> (share * (1 - share) / asked + z**2 / (4 * asked**2))"),
        slip("z-one", "z is 1: that interval holds the truth in two of three cases, not in 95 of 100", "1.96 -> 1"),
        slip("two", "z was rounded to 2: here it is 1.96", "1.96 -> 2"),
        slip("no-second-term", "under the root z²/4n² is missing", "+ z**2 / (4 * asked**2)) / (1 ->) / (1"),
        slip("n-not-squared", "in the last term under the root n is not squared: it is z²/4n²",
             "4 * asked**2 -> 4 * asked"),
        slip("z-missing", "half the width is z times the root: the z in front is missing",
             "half = z * math -> half = math"),
        slip("n-less-one", "the spread was divided by n - 1; here it is n",
             "share * (1 - share) / asked -> share * (1 - share) / (asked - 1)"),
        slip("per-cent", "this is in per cent: give shares, from 0 to 1",
             "return middle - half, middle + half -> return 100 * (middle - half), 100 * (middle + half)"),
        slip("middle-and-half", "this is the middle and half the width: asked are the two ends",
             "return middle - half, middle + half -> return middle, half"),
        slip("high-first", "the upper end comes first: it is (low, high)",
             "return middle - half, middle + half -> return middle + half, middle - half"),
    ]),
    Round([Case((10, 10), "10 of 10 right"), Case((0, 5), "none of 5 right"), Case((1, 1), "1 of 1 right")],
          held="where some are right and some wrong all is right"),
    parts=("low end", "high end"),
)  # fmt: skip

# --- mcnemar ----------------------------------------------------------------------------------------------------------


def _mcnemar(one, other):
    only_one = sum(a and not b for a, b in zip(one, other))
    only_other = sum(b and not a for a, b in zip(one, other))
    thrown = only_one + only_other
    tail = sum(math.comb(thrown, k) for k in range(min(only_one, only_other) + 1)) / 2**thrown
    return min(1, 2 * tail)


def _answers(both, one, other, neither):
    """Two lists of answers, with so many of each kind, in an order that mixes the kinds."""
    pairs = [(True, True)] * both + [(True, False)] * one + [(False, True)] * other + [(False, False)] * neither
    pairs = [pairs[i] for start in range(3) for i in range(start, len(pairs), 3)]
    return [a for a, _ in pairs], [b for _, b in pairs]


mcnemar = Exercise(
    _mcnemar,
    Round([
        Case(_answers(3, 1, 6, 2), "12 questions, on 7 of which only one of the two is right, 1 against 6"),
        Case(_answers(2, 9, 3, 4), "18 questions, 9 against 3"),
        Case(_answers(0, 2, 8, 1), "11 questions, 2 against 8"),
    ], [
        slip("one-sided", "only one end was counted: as uneven the other way round counts, too, so twice",
             "2 * tail -> tail"),
        slip("all-questions", "a coin was thrown for every question. Where both are right or both wrong they do "
             "not differ: those are left out", "thrown = only_one + only_other -> thrown = len(one)"),
        slip("own-place-missing", "the number that was seen is missing from the sum: at least as uneven, it counts too",
             "min(only_one, only_other) + 1) -> min(only_one, only_other))"),
        slip("this-one-alone", "this is the chance of exactly this number; asked is: at least as uneven",
             "in range(min(only_one, only_other) + 1) -> in [min(only_one, only_other)]"),
        slip("the-rest", "this is one minus it: the chance to be *less* uneven",
             "min(1, 2 * tail) -> 1 - min(1, 2 * tail)"),
        slip("both-right", "the questions that both have right were counted, not those on which they differ",
             ("sum(a and not b for -> sum(a and b for", "sum(b and not a for -> sum(not a and not b for")),
        slip("one-sided-by-sign", "the sum runs up to the first method's number, whichever is smaller. 3 against 9 and "
             "9 against 3 are as uneven: it runs up to the smaller number",
             "min(only_one, only_other) -> only_one", "min(only_one, only_other) -> only_other",
             ("min(only_one, only_other) -> only_one", "min(1, 2 * tail) -> 2 * tail"),
             ("min(only_one, only_other) -> only_other", "min(1, 2 * tail) -> 2 * tail")),
        slip("up-to-the-larger", "the sum runs up to the larger of the two numbers, and holds more than half of all "
             "orders: it runs up to the smaller one",
             ("min(only_one, only_other) -> max(only_one, only_other)", "min(1, 2 * tail) -> 2 * tail")),
        slip("unpaired", "all right answers of the one were set against all of the other: paired are only those "
             "questions on which they differ",
             ("sum(a and not b for -> sum(a for", "sum(b and not a for -> sum(b for")),
        slip("chi-squared", "this is McNemar's test by the chi-squared curve, which is for many; here coins are "
             "counted",
             lambda one, other: math.erfc(abs(sum(one) - sum(other))
                                          / math.sqrt(2 * sum(a != b for a, b in zip(one, other)))),
             lambda one, other: math.erfc((abs(sum(one) - sum(other)) - 1)
                                          / math.sqrt(2 * sum(a != b for a, b in zip(one, other))))),
    ], hints=[("every number of your answer is 1,", "Something was above 1 before `min`: is the number of orders "
               "divided by 2**thrown, and does the sum run up to the *smaller* number?", None)]),
    Round([Case(_answers(2, 3, 3, 1), "3 against 3"), Case(_answers(3, 0, 0, 2), "no question on which they differ"),
           Case(_answers(1, 0, 5, 0), "0 against 5"), Case(_answers(1, 5, 0, 2), "5 against 0")], [
        slip("above-one", "a chance came out above 1: at most it is 1", "min(1, 2 * tail) -> 2 * tail"),
    ], held="where they differ unevenly all is right"),
)  # fmt: skip

# --- front ------------------------------------------------------------------------------------------------------------


def _front(costs, scores):
    def beaten(cost, score):
        return any(c <= cost and s >= score and (c < cost or s > score) for c, s in zip(costs, scores))

    return [not beaten(cost, score) for cost, score in zip(costs, scores)]


front = Exercise(
    _front,
    Round([
        Case(([3.0, 1.0, 2.0, 5.0, 4.0], [0.8, 0.2, 0.7, 0.9, 0.75]), "five methods, of which one is beaten"),
        Case(([10.0, 1.0, 5.0, 2.0], [0.7, 0.9, 0.95, 0.8]), "four methods, of which two are beaten"),
        Case(([2.0, 7.0, 3.0], [0.6, 0.4, 0.5]), "three methods, of which one beats the others"),
    ], [
        slip("beaten-ones", "True and False changed places: True is for whom nobody beats",
             "not beaten(cost -> beaten(cost"),
        slip("low-scores", "a low score was taken for a good one",
             ("s >= score -> s <= score", "s > score -> s < score")),
        slip("high-costs", "a high cost was taken for a good one",
             ("c <= cost -> c >= cost", "c < cost -> c > cost")),
        slip("best-alone", "only the best score is kept: the cheap ones that nobody beats belong to the front, too",
             lambda costs, scores: [score == max(scores) for score in scores]),
        slip("cheapest-alone", "only the cheapest is kept: who scores more for more money belongs to the front, too",
             lambda costs, scores: [cost == min(costs) for cost in costs]),
        slip("score-per-cost", "the best score for a unit of cost was sought: that is one point of the front, not the "
             "front",
             lambda costs, scores: [s / c == max(b / a for a, b in zip(costs, scores)) for c, s in zip(costs, scores)]),
        slip("better-in-one", "to be better in one of the two was taken for enough to beat somebody: one must be no "
             "worse in the other",
             "c <= cost and s >= score and (c < cost or s > score) -> c < cost or s > score"),
        slip("in-order-of-cost", "the truths come in the order of the costs: give them in the order of the methods",
             lambda costs, scores: [all(score > other for _, other in sorted(zip(costs, scores))[:place])
                                    for place, (_, score) in enumerate(sorted(zip(costs, scores)))]),
        slip("beats-itself", "each method beats itself, and its like: to beat is to be better in one of the two",
             "and (c < cost or s > score) ->"),
    ]),
    Round([
        Case(([2.0, 2.0, 1.0], [0.8, 0.7, 0.6]), "two that cost the same"),
        Case(([1.0, 2.0, 3.0], [0.6, 0.8, 0.8]), "two that score the same"),
        Case(([1.0, 1.0, 2.0], [0.7, 0.7, 0.5]), "two that are the same in both"),
        Case(([1.0], [0.5]), "one method"),
    ], [
        slip("only-strictly", "only who is better in *both* beats somebody. Who scores the same for more money is "
             "beaten, too, and so is who scores less for the same",
             "c <= cost and s >= score and (c < cost or s > score) -> c < cost and s > score"),
        slip("same-cost-unbeaten", "at the same cost the lower score was left unbeaten",
             "(c < cost or s > score) -> c < cost"),
        slip("same-score-unbeaten", "at the same score the dearer one was left unbeaten",
             "(c < cost or s > score) -> s > score"),
        slip("its-like-beats", "two that are alike in both beat each other: nobody is beaten by an equal",
             lambda costs, scores: [not any(i != j and costs[j] <= costs[i] and scores[j] >= scores[i]
                                            for j in range(len(costs))) for i in range(len(costs))]),
    ], held="where no two are alike all is right"),
)  # fmt: skip
