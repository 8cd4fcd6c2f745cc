"""Checks of lesson 23: a prompt of examples, a layer with LoRA, the merged weight, how many numbers learn.

Papers. Brown et al. (2020), "Language Models are Few-Shot Learners"; Hu et al. (2022), "LoRA: Low-Rank Adaptation of
Large Language Models", equation 3.
"""

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).round(decimals=2)


# --- few_shot ---------------------------------------------------------------------------------------------------------


def _few_shot(examples, text):
    shots = "".join(f"Review: {review}\nSentiment: {label}\n\n" for review, label in examples)
    return shots + f"Review: {text}\nSentiment:"


_SHOT, _ASK = 'f"Review: {review}\\nSentiment: {label}\\n\\n"', 'f"Review: {text}\\nSentiment:"'
few_shot = Exercise(
    _few_shot,
    Round([
        Case(([("dull", "negative")], "so so"), "one example"),  # short: the reply shows the whole prompt
        Case(([("a joy", "positive"), ("thin", "negative")], "warm"), "two examples"),
        Case(([("bright", "positive"), ("thin", "negative"), ("warm", "positive")], "so so"), "three examples"),
    ], [
        slip("space-at-the-end", "the prompt ends with a space. The word that is to come is one token, *space and "
             "positive*: lesson 20 showed what such a space does", 'Sentiment:" -> Sentiment: "'),
        slip("no-empty-line", "there is no empty line between two examples: each ends with two new lines",
             "{label}\\n\\n -> {label}\\n"),
        slip("question-glued-on", "nothing parts the last example from the question: an empty line ends every example, "
             "the last one too",
             lambda examples, text: "\n\n".join(f"Review: {review}\nSentiment: {label}" for review, label in examples)
             + f"Review: {text}\nSentiment:"),
        slip("ends-with-a-new-line", "the prompt ends with a new line: the answer is to follow the colon at once",
             'Sentiment:" -> Sentiment:\\n"'),
        slip("space-and-new-line", "a space and a new line follow the last colon: the prompt ends with the colon",
             'Sentiment:" -> Sentiment: \\n"'),
        slip("no-new-line", "review and sentiment stand in one line: a new line belongs between them",
             ("{review}\\nSentiment -> {review} Sentiment", "{text}\\nSentiment -> {text} Sentiment")),
        slip("question-without-form", "the question does not have the form of the examples: it is what the model has "
             "to go on from", f"{_ASK} -> text"),
        slip("question-first", "the question stands in front of the examples. What is to be continued stands last",
             f"return shots + {_ASK} -> return {_ASK} + shots"),
        slip("no-label", "the examples have no labels: an example is a review *and* its answer",
             "Sentiment: {label} -> Sentiment:"),
        slip("label-in-the-question", "the question has an answer already, that of the last example",
             f"return shots + {_ASK} -> return shots + {_ASK} + ' ' + examples[-1][1]"),
        slip("turned-round", "review and label changed places: an example is (review, label)",
             "for review, label in -> for label, review in"),
        slip("last-first", "the examples come in the opposite order", "in examples) -> in examples[::-1])"),
        slip("one-example", "only the first example is there", "in examples) -> in examples[:1])"),
        slip("no-examples", "the examples are missing", "return shots + -> return"),
        slip("no-space-before-label", "there is no space between *Sentiment:* and the label",
             "Sentiment: {label} -> Sentiment:{label}"),
        slip("question-is-missing", "the question is missing: only the examples are there",
             f"return shots + {_ASK} -> return shots"),
    ]),
    Round([Case(([], "what a film"), "no example at all")], [
        slip("empty-line-first", "an empty line stands in front of the question. It belongs to each example, and there "
             "is none",
             lambda examples, text: "\n\n".join(f"Review: {review}\nSentiment: {label}" for review, label in examples)
             + f"\n\nReview: {text}\nSentiment:"),
    ], held="with examples all is right"),
)  # fmt: skip


# --- lora_layer -------------------------------------------------------------------------------------------------------


def _lora_layer(x, W, A, B, alpha):
    scale = alpha / len(A)
    return x @ W.T + scale * (x @ A.T @ B.T)


def _thin(B: int, T: int, D: int, N: int, r: int, alpha: float, seed: int) -> tuple:
    return (_numbers(B, T, D, seed=seed), _numbers(N, D, seed=seed + 1), _numbers(r, D, seed=seed + 2),
            _numbers(N, r, seed=seed + 3), alpha)  # fmt: skip


lora_layer = Exercise(
    _lora_layer,
    Round([
        Case(_thin(2, 3, 5, 4, 2, 6.0, 0), "2 texts of 3 tokens, 5 numbers in, 4 out, rank 2, alpha 6"),
        Case(_thin(1, 4, 3, 6, 1, 4.0, 10), "1 text of 4 tokens, 3 numbers in, 6 out, rank 1, alpha 4"),
        Case(_thin(3, 2, 6, 7, 4, 2.0, 20), "3 texts of 2 tokens, 6 numbers in, 7 out, rank 4, alpha 2"),
    ], [
        slip("no-scale", "the product is not scaled: it counts alpha / r times", "scale * ->"),
        slip("alpha-alone", "the product was multiplied by alpha and not divided by the rank",
             "alpha / len(A) -> alpha"),
        slip("rank-alone", "the product was divided by the rank and not multiplied by alpha",
             "alpha / len(A) -> 1 / len(A)"),
        slip("scale-upside-down", "the scale was turned round: r / alpha for alpha / r",
             "alpha / len(A) -> len(A) / alpha"),
        slip("wrong-size", "the product was divided by a size that is not the rank: A is [r, D] and B [N, r], so r is "
             "the number of rows of A", "len(A) -> len(B)", "len(A) -> A.shape[1]"),
        slip("whole-numbers", "the scale was cut down to a whole number: // throws away what / keeps",
             "alpha / len(A) -> alpha // len(A)"),
        slip("root-of-rank", "the scale has the root of the rank. That is another paper's (rsLoRA); here it is alpha / "
             "r", "len(A) -> len(A) ** 0.5"),
        slip("W-is-gone", "the large matrix is gone: B A is *added* to what it says",
             "x @ W.T + scale * -> scale *"),
        slip("thin-is-gone", "the thin matrices are missing: this is the old layer",
             "+ scale * (x @ A.T @ B.T) -> + 0 * scale"),
        slip("W-scaled-too", "the old layer's answer was scaled, too: the scale belongs to the new part alone",
             "x @ W.T + scale * (x @ A.T @ B.T) -> scale * (x @ W.T + x @ A.T @ B.T)"),
        slip("taken-away", "the product was taken away instead of added", "x @ W.T + -> x @ W.T -"),
        slip("bent", "something bends between A and B. LoRA is linear all through, or it could not be merged",
             "x @ A.T @ B.T -> torch.relu(x @ A.T) @ B.T"),
    ]),
)  # fmt: skip


# --- merged -----------------------------------------------------------------------------------------------------------


def _merged(W, A, B, alpha):
    return W + alpha / len(A) * (B @ A)


merged = Exercise(
    _merged,
    Round([
        Case(_thin(1, 1, 5, 4, 2, 6.0, 0)[1:], "5 numbers in, 4 out, rank 2, alpha 6"),
        Case(_thin(1, 1, 3, 3, 1, 4.0, 10)[1:], "3 numbers in, 3 out, rank 1, alpha 4"),
        Case(_thin(1, 1, 4, 4, 4, 2.0, 20)[1:], "4 numbers in, 4 out, rank 4, alpha 2"),
    ], [
        slip("no-scale", "the product is not scaled: it counts alpha / r times", "alpha / len(A) * ->"),
        slip("alpha-alone", "the product was multiplied by alpha and not divided by the rank",
             "alpha / len(A) -> alpha"),
        slip("rank-alone", "the product was divided by the rank and not multiplied by alpha",
             "alpha / len(A) -> 1 / len(A)"),
        slip("wrong-size", "the product was divided by a size that is not the rank: r is the number of rows of A",
             "len(A) -> len(B)", "len(A) -> A.shape[1]"),
        slip("W-is-gone", "this is the new part alone: it is added to the old weight", "W + ->"),
        slip("W-scaled-too", "the old weight was scaled, too: the scale belongs to B A alone",
             "W + alpha / len(A) * (B @ A) -> alpha / len(A) * (W + B @ A)"),
        slip("thin-is-gone", "this is the old weight: the thin matrices are missing",
             "+ alpha / len(A) * (B @ A) ->"),
        slip("taken-away", "the product was taken away: that is how one gets *out* of a merged weight again",
             "W + -> W -"),
        slip("product-turned", "the product lies the other way round: a row of the weight belongs to a number that "
             "comes out, as in W",
             "(B @ A) -> ((B @ A).T if W.shape[0] == W.shape[1] else B @ A)"),
        slip("everything-turned", "the whole weight lies the other way round: the first axis of W are the numbers that "
             "come out", "return W + alpha / len(A) * (B @ A) -> return (W + alpha / len(A) * (B @ A)).T"),
    ]),
)  # fmt: skip


# --- lora_size --------------------------------------------------------------------------------------------------------


def _lora_size(shapes, rank):
    return sum(rank * (N + D) for N, D in shapes)


lora_size = Exercise(
    _lora_size,
    Round([
        Case(([(4, 6)], 2), "one matrix of 4 x 6, rank 2"),
        Case(([(768, 256), (256, 256)], 4), "two matrices, rank 4"),
        Case(([(10, 3), (3, 10), (5, 5)], 1), "three matrices, rank 1"),
    ], [
        slip("full-matrices", "the large matrices were counted. They stand still; A is [r, D] and B is [N, r]",
             "rank * (N + D) -> N * D"),
        slip("full-times-rank", "r times the large matrix was counted: A has r D numbers, B has N r",
             "rank * (N + D) -> rank * N * D"),
        slip("A-alone", "only A was counted", "(N + D) -> D"),
        slip("B-alone", "only B was counted", "(N + D) -> N"),
        slip("twice-one-side", "both sides were taken for equally long", "(N + D) -> 2 * D", "(N + D) -> 2 * N"),
        slip("first-alone", "only the first matrix was counted", "in shapes) -> in shapes[:1])"),
        slip("no-rank", "the rank is missing: each side counts r times", "rank * ->"),
        slip("a-square-more", "a matrix of r x r was counted, too. There is none between A and B",
             "rank * (N + D) -> rank * (N + D + rank)"),
        slip("all-numbers", "the numbers of the large matrix were added: asked is what *learns*",
             "rank * (N + D) -> N * D + rank * (N + D)"),
    ]),
    Round([Case(([], 3), "no matrix at all")], held="with matrices all is right"),
)  # fmt: skip
