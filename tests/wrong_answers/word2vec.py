"""Wrong answers to lesson 02's exercises, each with the diagnosis its check must give."""
import numpy as np
import torch
import torch.nn.functional as F

from course_lib.word2vec import softmax_gradients as right_gradients
from course_lib.word2vec import softmax_loss as right_loss
from tests.wrong_answers import Wrong

# --- window_pairs ------------------------------------------------------------------------------------------------


def crosses_sentences(sentences, window, rng):
    words, pairs = [word for sentence in sentences for word in sentence], []
    for i in range(len(words)):
        reach = rng.integers(1, window + 1)
        pairs += [(words[i], words[j]) for j in range(max(0, i - reach), min(len(words), i + reach + 1)) if j != i]
    return pairs


def with_reach(draw, keep=lambda i, j: True, pair=lambda a, b: (a, b)):
    """A right answer but for how a reach is drawn, which places are kept, and how a pair is written."""
    def pairs_of(sentences, window, rng):
        pairs = []
        for sentence in sentences:
            for i, centre in enumerate(sentence):
                reach = draw(rng, window)
                for j in range(max(0, i - reach), min(len(sentence), i + reach + 1)):
                    if keep(i, j):
                        pairs.append(pair(centre, sentence[j]))
        return pairs
    return pairs_of


def honest(rng, window):
    return int(rng.integers(1, window + 1))


def fixed(sentences, window, rng):
    return with_reach(lambda rng, window: window, lambda i, j: i != j)(sentences, window, rng)


def one_reach_for_all(sentences, window, rng):
    reach = int(rng.integers(1, window + 1))
    return with_reach(lambda rng, window: reach, lambda i, j: i != j)(sentences, window, rng)


def one_reach_a_sentence(sentences, window, rng):
    return [pair for sentence in sentences for pair in one_reach_for_all([sentence], window, rng)]


def compares_words(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = int(rng.integers(1, window + 1))
            around = sentence[max(0, i - reach):i + reach + 1]
            pairs += [(centre, word) for word in around if word != centre]
    return pairs


def slice_from_negative(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = int(rng.integers(1, window + 1))
            pairs += [(centre, word) for word in sentence[i - reach:i] + sentence[i + 1:i + reach + 1]]
    return pairs


def negative_index(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = int(rng.integers(1, window + 1))
            around = range(i - reach, min(len(sentence), i + reach + 1))
            pairs += [(centre, sentence[j]) for j in around if j != i and j >= -len(sentence)]
    return pairs


def one_short(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = int(rng.integers(1, window + 1))
            pairs += [(centre, sentence[j]) for j in range(max(0, i - reach), min(len(sentence), i + reach)) if j != i]
    return pairs


def skips_ends(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i in range(window, len(sentence) - window):
            reach = int(rng.integers(1, window + 1))
            pairs += [(sentence[i], sentence[j]) for j in range(i - reach, i + reach + 1) if j != i]
    return pairs


def draw_for_each_pair(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i and abs(i - j) <= rng.integers(1, window + 1):
                    pairs.append((centre, sentence[j]))
    return pairs


def both_directions(sentences, window, rng):
    right = with_reach(honest, lambda i, j: j != i)(sentences, window, rng)
    return right + right


def positions(sentences, window, rng):
    start, pairs = 0, []
    for sentence in sentences:
        pairs += with_reach(honest, lambda i, j: i != j)([list(range(start, start + len(sentence)))], window, rng)
        start += len(sentence)
    return [(a + 10_000, b + 10_000) for a, b in pairs]


def own_generator(sentences, window, rng):
    return with_reach(honest, lambda i, j: i != j)(sentences, window, np.random.default_rng(0))


def numpy_randint(sentences, window, rng):
    return with_reach(lambda rng, window: np.random.randint(1, window + 1), lambda i, j: i != j)(  # noqa: NPY002
        sentences, window, rng)


def list_anew(sentences, window, rng):
    for sentence in sentences:
        pairs = fixed([sentence], window, rng)
    return pairs


def returns_early(sentences, window, rng):
    for sentence in sentences:
        return fixed([sentence], window, rng)


def as_text(sentences, window, rng):
    return ["a b"]


# --- softmax_loss ------------------------------------------------------------------------------------------------


def raw_exp(w_in, w_out, centres, contexts):
    exps = torch.exp(w_in[centres] @ w_out.T)
    return -torch.log(exps[torch.arange(len(centres)), contexts] / exps.sum(1)).mean()


def log_of_softmax(w_in, w_out, centres, contexts):
    p = torch.softmax(w_in[centres] @ w_out.T, dim=1)
    return -torch.log(p[torch.arange(len(centres)), contexts]).mean()


def log_of_softmax_plus_epsilon(w_in, w_out, centres, contexts):
    p = torch.softmax(w_in[centres] @ w_out.T, dim=1)
    return -torch.log(p[torch.arange(len(centres)), contexts] + 1e-9).mean()


def log_sum_exp_by_hand(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T
    return (torch.log(torch.exp(scores).sum(1)) - scores[torch.arange(len(centres)), contexts]).mean()


def softmax_over_pairs(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T
    return (torch.logsumexp(scores, 0)[contexts] - scores[torch.arange(len(centres)), contexts]).mean()


def mean_over_all(w_in, w_out, centres, contexts):
    hot = F.one_hot(contexts, len(w_out))
    return -(hot * F.log_softmax(w_in[centres] @ w_out.T, dim=1)).mean()


def softmax_twice(w_in, w_out, centres, contexts):
    return F.cross_entropy(F.softmax(w_in[centres] @ w_out.T, dim=1), contexts)


def every_context(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T
    return (torch.logsumexp(scores, 1, keepdim=True) - scores[:, contexts]).mean()


def each_pair(w_in, w_out, centres, contexts):
    return F.cross_entropy(w_in[centres] @ w_out.T, contexts, reduction="none")


def summed(w_in, w_out, centres, contexts):
    return each_pair(w_in, w_out, centres, contexts).sum()


def negative(w_in, w_out, centres, contexts):
    return -right_loss(w_in, w_out, centres, contexts)


def one_table_detached(w_in, w_out, centres, contexts):
    return right_loss(w_in, w_out.detach(), centres, contexts)


def a_float(w_in, w_out, centres, contexts):
    return right_loss(w_in, w_out, centres, contexts).item()


def no_normaliser(w_in, w_out, centres, contexts):
    return -(w_in[centres] * w_out[contexts]).sum(1).mean()


def probability(w_in, w_out, centres, contexts):
    return torch.softmax(w_in[centres] @ w_out.T, 1)[torch.arange(len(centres)), contexts].mean()


# --- cbow_input --------------------------------------------------------------------------------------------------


def around(sentence, t, window, centre=False):
    return [i for i in range(max(0, t - window), min(len(sentence), t + window + 1)) if centre or i != t]


def concatenated(w_in, sentence, window):
    rows = []
    for t in range(len(sentence)):
        row = torch.zeros(2 * window, w_in.shape[1])
        places = around(sentence, t, window)
        row[:len(places)] = w_in[sentence[places]]
        rows.append(row.flatten())
    return torch.stack(rows)


def concatenated_ragged(w_in, sentence, window):
    return [w_in[sentence[around(sentence, t, window)]].flatten() for t in range(len(sentence))]


def centre_in(w_in, sentence, window):
    return torch.stack([w_in[sentence[around(sentence, t, window, True)]].mean(0) for t in range(len(sentence))])


def by_window(w_in, sentence, window):
    rows = [w_in[sentence[around(sentence, t, window)]].sum(0) / (2 * window) for t in range(len(sentence))]
    return torch.stack(rows)


def sum_not_mean(w_in, sentence, window):
    return torch.stack([w_in[sentence[around(sentence, t, window)]].sum(0) for t in range(len(sentence))])


def lone_word_nan(w_in, sentence, window):
    return torch.stack([w_in[sentence[around(sentence, t, window)]].mean(0) for t in range(len(sentence))])


def before_only(w_in, sentence, window):
    rows = [w_in[sentence[max(0, t - window):t]].sum(0) / max(1, min(t, window)) for t in range(len(sentence))]
    return torch.stack(rows)


def whole_sentence(w_in, sentence, window):
    total = w_in[sentence].sum(0)
    return (total - w_in[sentence]) / max(1, len(sentence) - 1)


def places_for_words(w_in, sentence, window):
    return torch.stack([w_in[around(sentence, t, window)].mean(0) for t in range(len(sentence))])


def one_row(w_in, sentence, window):
    return w_in[sentence].mean(0)


# --- softmax_gradients -------------------------------------------------------------------------------------------


def one_table(w_in, w_out, centre, context):
    return right_gradients(w_in, w_in, centre, context)


def other_table(w_in, w_out, centre, context):
    return right_gradients(w_out, w_out, centre, context)


def only_pulls(w_in, w_out, centre, context):
    grad_out = np.zeros_like(w_out)
    grad_out[context] = -w_in[centre]
    return -w_out[context], grad_out


def only_pulls_by_error(w_in, w_out, centre, context):
    p = np.exp(w_out @ w_in[centre])
    error = p[context] / p.sum() - 1
    grad_out = np.zeros_like(w_out)
    grad_out[context] = error * w_in[centre]
    return error * w_out[context], grad_out


def only_pushes(w_in, w_out, centre, context):
    p = np.exp(w_out @ w_in[centre])
    p /= p.sum()
    return p @ w_out, p[:, None] * w_in[centre]


def uphill(w_in, w_out, centre, context):
    grad_centre, grad_out = right_gradients(w_in, w_out, centre, context)
    return -grad_centre, -grad_out


def other_order(w_in, w_out, centre, context):
    grad_centre, grad_out = right_gradients(w_in, w_out, centre, context)
    return grad_out, grad_centre


def transposed(w_in, w_out, centre, context):
    grad_centre, grad_out = right_gradients(w_in, w_out, centre, context)
    return grad_centre, grad_out.T


def one_of_two(w_in, w_out, centre, context):
    return right_gradients(w_in, w_out, centre, context)[0]


def changes_table(w_in, w_out, centre, context):
    grad_centre, grad_out = right_gradients(w_in, w_out, centre, context)
    w_out -= grad_out
    return grad_centre, grad_out


BANK = {
    "window_pairs": [
        Wrong("one long text", crosses_sentences, "crosses-sentences"),
        Wrong("fixed window", fixed, "fixed-window"),
        Wrong("centre included", with_reach(honest), "includes-centre"),
        Wrong("one reach for all", one_reach_for_all, "one-reach"),
        Wrong("one reach a sentence", one_reach_a_sentence, "one-reach"),
        Wrong("reach 0 to window", with_reach(lambda rng, w: int(rng.integers(0, w + 1)), lambda i, j: i != j),
              "reach-from-zero"),
        Wrong("reach 0 to window - 1", with_reach(lambda rng, w: int(rng.integers(w)), lambda i, j: i != j),
              "reach-from-zero"),
        Wrong("reach 1 to window - 1", with_reach(lambda rng, w: int(rng.integers(1, w)), lambda i, j: i != j),
              "never-full"),
        Wrong("only to the right", with_reach(honest, lambda i, j: j > i), "one-sided"),
        Wrong("only to the left", with_reach(honest, lambda i, j: j < i), "one-sided"),
        Wrong("context first", with_reach(honest, lambda i, j: i != j, lambda a, b: (b, a)), "swapped"),
        Wrong("words compared", compares_words, "compares-words"),
        Wrong("slice from a negative index", slice_from_negative, "wraps-around"),
        Wrong("negative index", negative_index, "wraps-around"),
        Wrong("right end left out", one_short, "one-short"),
        Wrong("ends skipped", skips_ends, "skips-ends"),
        Wrong("a draw for each pair", draw_for_each_pair, "several-draws"),
        Wrong("every pair twice", both_directions, "counts-twice"),
        Wrong("not words", positions),
        Wrong("its own generator", own_generator, "ignores-rng"),
        Wrong("the global generator", numpy_randint, "ignores-rng"),
        Wrong("far too short", with_reach(lambda rng, w: min(w, 5 if rng.random() < 0.5 else 1), lambda i, j: i != j)),
        Wrong("list anew for each sentence", list_anew, "one-sentence"),
        Wrong("return inside the loop", returns_early, "one-sentence"),
        Wrong("text", as_text),
        Wrong("no pair", lambda sentences, window, rng: []),
    ],
    "softmax_loss": [
        Wrong("exp of raw scores", raw_exp, "unstable-exp"),
        Wrong("log sum exp of raw scores", log_sum_exp_by_hand, "unstable-exp"),
        Wrong("log of softmax", log_of_softmax, "log-of-softmax"),
        Wrong("log of softmax plus epsilon", log_of_softmax_plus_epsilon),
        Wrong("softmax over the pairs", softmax_over_pairs, "wrong-axis"),
        Wrong("mean over everything", mean_over_all, "mean-over-words"),
        Wrong("softmax twice", softmax_twice, "softmax-twice"),
        Wrong("every context for every pair", every_context, "every-context"),
        Wrong("one loss a pair", each_pair, "not-reduced"),
        Wrong("sum", summed, "sum-not-mean"),
        Wrong("sign", negative, "sign"),
        Wrong("a float", a_float, "cut-off"),
        Wrong("one table detached", one_table_detached, "cut-off"),
        Wrong("score alone", no_normaliser, "no-normaliser"),
        Wrong("mean of p", probability),
        Wrong("tables swapped", lambda w_in, w_out, c, o: right_loss(w_out, w_in, c, o), "tables-swapped"),
        Wrong("one table", lambda w_in, w_out, c, o: right_loss(w_in, w_in, c, o), "one-table"),
        Wrong("pair turned", lambda w_in, w_out, c, o: right_loss(w_in, w_out, o, c), "pair-turned"),
        Wrong("base 2", lambda *inputs: right_loss(*inputs) / np.log(2), "log2"),
    ],
    "cbow_input": [
        Wrong("concatenated", concatenated, "concatenates"),
        Wrong("concatenated, ragged", concatenated_ragged, "concatenates"),
        Wrong("centre included", centre_in, "includes-centre"),
        Wrong("divided by the window", by_window, "divides-by-window"),
        Wrong("sum", sum_not_mean, "sum-not-mean"),
        Wrong("lone word", lone_word_nan, "lone-word"),
        Wrong("left side only", before_only, "one-sided"),
        Wrong("whole sentence", whole_sentence, "whole-sentence"),
        Wrong("places for words", places_for_words, "table-order"),
        Wrong("one row", one_row),
        Wrong("own vector", lambda w_in, sentence, window: w_in[sentence]),
    ],
    "softmax_gradients": [
        Wrong("one table", one_table, "one-table"),
        Wrong("the other table alone", other_table, "one-table"),
        Wrong("only pulls", only_pulls, "only-pulls"),
        Wrong("only pulls, by its error", only_pulls_by_error, "only-pulls"),
        Wrong("only pushes", only_pushes, "only-pushes"),
        Wrong("uphill", uphill, "uphill"),
        Wrong("other order", other_order, "order"),
        Wrong("transposed", transposed, "transposed"),
        Wrong("one of two", one_of_two),
        Wrong("input changed", changes_table),
    ],
}
