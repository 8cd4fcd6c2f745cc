"""Checks of lesson 15: logs of frequencies, the loss at the masked places, the number of parameters.

Papers. Devlin et al. (2019), "BERT"; Press and Wolf (2017), "Using the Output Embedding to Improve Language Models".
"""

import torch
import torch.nn.functional as F

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- log_frequencies --------------------------------------------------------------------------------------------------


def _log_frequencies(ids, vocab_size):
    counts = torch.bincount(ids, minlength=vocab_size) + 1.0
    return (counts / counts.sum()).log()


log_frequencies = Exercise(_log_frequencies, Round([
    Case((torch.tensor([0, 1, 0, 2]), 4), "the pieces 0 1 0 2 of a vocabulary of 4"),
    Case((torch.tensor([4, 4, 1, 4, 1, 4, 4]), 6), "the pieces 4 4 1 4 1 4 4 of a vocabulary of 6"),
    Case((torch.tensor([2, 0, 1]), 3), "the pieces 2 0 1 of a vocabulary of 3"),
], [
    slip("nothing-added",
         "no piece is counted once more. One that never came then has p = 0, its log is minus infinity, and the first "
         "time it comes the loss is infinite", "+ 1.0 -> + 0.0",
         ("minlength=vocab_size) + 1.0 -> minlength=vocab_size)", "counts.sum() -> len(ids)")),
    slip("added-after",
         "you divide by the number of pieces in the text. Each was counted once more, so divide by the sum of the new "
         "counts, or the p sum to more than 1", "counts.sum() -> len(ids)"),
    slip("one-more-in-all", "one is added to the sum, not the whole vocabulary: each piece was counted once more",
         "counts.sum() -> (len(ids) + 1)"),
    slip("base-two", "this is the logarithm to base 2. Ours is in nats, as the losses are", ".log() -> .log2()"),
    slip("base-ten", "this is the logarithm to base 10. Ours is in nats, as the losses are", ".log() -> .log10()"),
    slip("no-log", "these are the p themselves; their logs are asked", ".log() -> "),
    slip("logs-of-counts", "these are the logs of the counts: they were not divided by their sum",
         "counts / counts.sum() -> counts"),
    slip("minus-log", "these are the losses, -log p. What goes into the bias, and is asked here, is log p",
         "return ( -> return -("),
    slip("only-what-came",
         "pieces that never came have no place in your answer. There are vocab_size of them, in the order of their "
         "numbers", "torch.bincount(ids, minlength=vocab_size) -> ids.unique(return_counts=True)[1]",
         ", minlength=vocab_size -> "),
    slip("presence-only", "a piece that comes often counts as much as one that comes once",
         "torch.bincount(ids, minlength=vocab_size) -> (torch.bincount(ids, minlength=vocab_size) > 0)"),
    slip("only-the-unseen", "only pieces that never came were counted once. *Each* is counted once more than it came",
         "torch.bincount(ids, minlength=vocab_size) + 1.0 -> torch.bincount(ids, minlength=vocab_size).clamp(min=1.0)"),
    slip("two-more", "each piece is counted two times more than it came. Once more is asked", "+ 1.0 -> + 2.0"),
]))  # fmt: skip


# --- masked_loss ------------------------------------------------------------------------------------------------------


def _masked_loss(hidden, places, labels, table, bias):
    h = hidden.flatten(0, 1)[places]  # [M, D]
    scores = h @ table.T + bias  # [M, V]
    return F.cross_entropy(scores, labels)


def _case(B: int, T: int, D: int, V: int, places: list[int], labels: list[int], seed: int, size: float = 1.0) -> Case:
    """Numbers with one decimal: the hidden vectors and the table from -2 to 2 or so, biases of unlike size."""
    rng = torch.Generator().manual_seed(seed)
    hidden, table, bias = (torch.randn(shape, generator=rng).round(decimals=1) for shape in ((B, T, D), (V, D), (V,)))
    return Case((hidden * size, torch.tensor(places), torch.tensor(labels), table, 1.5 * bias),
                f"{B} rows of {T} places, D = {D}, {V} pieces, places {places}, labels {labels}")  # fmt: skip


_OVER = "in a sum where a mean is asked: a batch with more masked places would seem worse"
masked_loss = Exercise(_masked_loss, Round([
    _case(2, 4, 3, 5, [1, 6, 7], [4, 0, 2], seed=1),
    _case(3, 2, 4, 7, [5], [3], seed=2),
    _case(2, 3, 2, 4, [4, 0, 3, 1], [1, 1, 3, 0], seed=3),
], [
    slip("no-bias", "the bias is missing: each piece has a number of its own, which is added to its score",
         "+ bias -> "),
    slip("bias-taken-off", "the bias is taken off. It is added", "+ bias -> - bias"),
    slip("softmax-twice",
         "probabilities went into a function that wants scores: `F.cross_entropy` takes the softmax itself, and so it "
         "was taken twice", "cross_entropy(scores, -> cross_entropy(scores.softmax(-1),"),
    slip("sum", f"the losses are added up, {_OVER}", "scores, labels) -> scores, labels, reduction='sum')"),
    slip("over-all-places",
         "the sum is divided by all places of the batch, masked or not. Divide by the masked ones: nobody was asked "
         "about the others", "return F.cross_entropy(scores, labels) -> "
         "return F.cross_entropy(scores, labels, reduction='sum') / hidden[..., 0].numel()"),
    slip("over-rows", "the sum is divided by the number of rows. Divide by the number of masked places",
         "return F.cross_entropy(scores, labels) -> "
         "return F.cross_entropy(scores, labels, reduction='sum') / len(hidden)"),
    slip("one-a-place", "the losses of the places came back one by one. Their mean is asked",
         "scores, labels) -> scores, labels, reduction='none')"),
    slip("columns-first",
         "the batch was flattened column by column. Place t of row r is number r T + t: all places of row 0 first",
         "hidden.flatten -> hidden.mT.flatten(1).T.reshape(hidden.shape[1], *hidden.shape[::2]).flatten",
         "hidden.flatten -> hidden.transpose(0, 1).flatten"),
    slip("next-place", "each answer is read one place too far on. BERT answers *at* the hole, unlike a model that "
         "says what comes next", "[places] -> [(places + 1) % hidden[..., 0].numel()]"),
    slip("place-before", "each answer is read one place too early, as if the next piece were asked. BERT answers *at* "
         "the hole", "[places] -> [places - 1]"),
    slip("score-not-loss",
         "this is minus the score of the right pieces. Without the softmax, or with it but without the sum over all "
         "pieces, nobody has to be wrong about anything: take -log p", "return F.cross_entropy(scores, labels) -> "
         "return -scores.gather(1, labels[:, None]).mean()"),
    slip("p-not-log", "this is one minus p, or minus p. The loss is -log p",
         "return F.cross_entropy(scores, labels) -> return -scores.softmax(-1).gather(1, labels[:, None]).mean()",
         "return F.cross_entropy(scores, labels) -> return 1 - scores.softmax(-1).gather(1, labels[:, None]).mean()"),
    slip("softmax-over-places",
         "the softmax runs over the places. It runs over the pieces: at each place one of V is right",
         "return F.cross_entropy(scores, labels) -> "
         "return -scores.log_softmax(0).gather(1, labels[:, None]).mean()"),
    slip("base-two", "the loss is in bits. Ours are in nats", "return F.cross_entropy(scores, labels) -> "
         "return F.cross_entropy(scores, labels) / torch.tensor(2.0).log()"),
    slip("scaled-as-attention", "the scores are divided by the root of D, as in attention. Here nothing is divided",
         "h @ table.T -> h @ table.T / hidden.shape[-1] ** 0.5"),
    slip("first-places",
         "the first M places were taken, whichever were masked. Take the rows that `places` names",
         "[places] -> [: len(places)]"),
], hints=[("out of bounds for dimension", "`places` count through the whole batch, row after row, and so go beyond its "
           "rows: flatten it first, `hidden.flatten(0, 1)`.", "not-flattened")]), Round([
    _case(2, 3, 4, 6, [2, 3, 5], [5, 1, 0], seed=5, size=60.0),
], [
    slip("softmax-underflows",
         "the softmax was taken first and its log afterwards. A p too small for a float is 0, and its log minus "
         "infinity: take `log_softmax`, or `F.cross_entropy`", "return F.cross_entropy(scores, labels) -> "
         "return -scores.softmax(-1).gather(1, labels[:, None]).log().mean()",
         "return F.cross_entropy(scores, labels) -> "
         "return -(scores.exp() / scores.exp().sum(-1, keepdim=True)).gather(1, labels[:, None]).log().mean()"),
    slip("kept-off-zero",
         "something small was added so that no log is infinite. That also makes every loss smaller than it is: take "
         "`log_softmax`, or `F.cross_entropy`", "return F.cross_entropy(scores, labels) -> "
         "return -(scores.softmax(-1).gather(1, labels[:, None]) + 1e-9).log().mean()"),
], held="with small scores all is right"))  # fmt: skip


# --- count_parameters -------------------------------------------------------------------------------------------------


def _count_parameters(vocab_size, context_length, d_model, num_layers, d_ff):
    norm = 2 * d_model
    tables = (vocab_size + context_length + 2) * d_model + norm
    attention = 4 * (d_model * d_model + d_model)
    network = (d_model * d_ff + d_ff) + (d_ff * d_model + d_model)
    block = attention + norm + network + norm
    pooler = d_model * d_model + d_model
    return tables + num_layers * block + pooler


def _sizes(*sizes: int) -> Case:
    names = ("vocab_size", "context_length", "d_model", "num_layers", "d_ff")
    return Case(sizes, ", ".join(f"{name} = {size}" for name, size in zip(names, sizes, strict=True)))


count_parameters = Exercise(_count_parameters, Round([
    _sizes(11, 7, 4, 1, 5), _sizes(50, 16, 6, 3, 24), _sizes(30_522, 512, 768, 12, 3072), _sizes(9, 8, 2, 0, 3),
], [
    slip("no-biases", "no linear layer has its bias. One from a to b has a b + b numbers",
         ("d_model * d_model + d_model) -> d_model * d_model)", "d_ff + d_ff) -> d_ff)",
          "d_ff * d_model + d_model) -> d_ff * d_model)", "pooler = d_model * d_model + d_model -> "
          "pooler = d_model * d_model")),
    slip("no-norms", "the LayerNorms are missing: each has two numbers for each of d_model, a scale and a shift",
         "norm = 2 * d_model -> norm = 0"),
    slip("half-norms", "each LayerNorm has only one number for each of d_model. It has two, a scale and a shift",
         "norm = 2 * d_model -> norm = d_model"),
    slip("one-norm-a-block", "a block has one LayerNorm. BERT's has two, one after attention and one after the network",
         "network + norm -> network"),
    slip("no-pooler", "the pooler is missing: one linear layer from d_model to d_model, over [CLS]",
         "+ pooler -> ", "pooler = d_model * d_model + d_model -> pooler = 0"),
    slip("pooler-in-every-block", "the pooler is counted in every block. There is one, after the last",
         "num_layers * block + pooler -> num_layers * (block + pooler)"),
    slip("three-matrices", "attention has three linear layers here. There is a fourth: what the heads found goes "
         "through one more", "attention = 4 -> attention = 3"),
    slip("half-a-network", "the network has one linear layer. It has two: up to d_ff, and back",
         "network = (d_model * d_ff + d_ff) + (d_ff * d_model + d_model) -> network = d_model * d_ff + d_ff"),
    slip("tables-two-rows-short",
         "twice d_model is missing at the bottom: the table of segments (two rows), or the LayerNorm after the tables",
         "context_length + 2) -> context_length)", "* d_model + norm -> * d_model"),
    slip("one-segment", "the table of segments has one row. There are two texts in an input", "+ 2) -> + 1)"),
    slip("no-positions", "the table of positions is missing: context_length rows of d_model",
         "vocab_size + context_length -> vocab_size"),
    slip("no-tokens", "the table of the pieces is missing: vocab_size rows of d_model",
         "(vocab_size + context -> (context"),
    slip("tables-alone", "only the three tables are counted, or the blocks once: there are num_layers blocks",
         "num_layers * block -> block", "num_layers * block + pooler -> pooler"),
    slip("tables-in-every-block", "the tables are counted in every block. They stand below the first",
         "tables + num_layers * block -> num_layers * (tables + block)"),
    slip("decoder-too", "the answers' table is counted a second time. It is the token table, tied; and BertModel has "
         "no heads", "return tables -> return vocab_size * d_model + tables",
         "return tables -> return vocab_size * d_model + vocab_size + tables"),
    slip("four-times", "the network is taken as four times d_model wide, whatever d_ff is",
         ("d_model * d_ff + d_ff -> d_model * 4 * d_model + 4 * d_model", "d_ff * d_model -> 4 * d_model * d_model")),
    slip("network-biases-alike", "both linear layers of the network have d_model biases. The first has d_ff: as many "
         "as come *out*", "network = (d_model * d_ff + d_ff) -> network = (d_model * d_ff + d_model)"),
    slip("biases-at-the-wrong-end", "the biases of the network are as many as go in. A linear layer has one for each "
         "number that comes *out*", ("d_ff + d_ff) -> d_ff + d_model)", "d_ff * d_model + d_model) -> "
                                     "d_ff * d_model + d_ff)", "network = -> network = d_ff - d_model +")),
]))  # fmt: skip
