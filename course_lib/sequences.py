"""What came before attention: two recurrent networks, by hand.

What it is. `RNNCell` and `LSTMCell` carry a state from word to word; `RNN` and `LSTM` run them along padded sequences,
and a language model, a classifier and an encoder with an attentive decoder stand on top. (Two other ways to read a text
in order have modules of their own: counting, `ngram`, and filters, `convolution`.)

What it leaves out. Peephole connections, the GRU, and torch's fused kernels (`nn.LSTM` computes the same as `LSTM`
here; on a GPU it is faster).

Papers. Elman (1990), "Finding Structure in Time"; Hochreiter & Schmidhuber (1997), "Long Short-Term Memory"; Gers,
Schmidhuber & Cummins (2000), "Learning to Forget" (the forget gate); Bahdanau, Cho & Bengio (2015), "Neural Machine
Translation by Jointly Learning to Align and Translate".

Shapes: B sequences, T places in the longest (S read, T written), V symbols, D vector size, I input size, H hidden size.
"""

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import AdditiveAttention
from course_lib.convolution import CNNClassifier  # noqa: F401  (lessons)
from course_lib.losses import accuracy, classification_loss, next_token_loss, perplexity  # noqa: F401  (lessons)
from course_lib.ngram import NgramModel  # noqa: F401  (lessons)
from course_lib.padding import all_hold, lengths_of, reverse
from course_lib.settings import Count, Rule, Share, Size, Token, number, require
from course_lib.shapes import look_up, shaped

# --- Recurrent cells, by hand (lesson 09) ---------------------------------------------------------------------------


class Cell(nn.Module):
    """What both cells share: a weight for the input, one for the hidden state, and one bias, for all gates at once.

    torch's cells have two biases, which only ever occur as their sum. Weights start uniform in +-1/sqrt(H), as there.
    """

    gates = 1

    @shaped
    def __init__(self, input_size: Size, hidden_size: Size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = nn.Parameter(torch.empty(self.gates * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(self.gates * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(self.gates * hidden_size))
        for weight in (self.weight_ih, self.weight_hh):
            nn.init.uniform_(weight, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))

    def project(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... gates*H"]:
        """W x + b: what does not wait for the state, and so can be done for a whole sequence at once."""
        return F.linear(x, self.weight_ih, self.bias)

    def zeros(self, like: Float[Tensor, "... gates*H"]) -> tuple[Float[Tensor, "... H"], ...]:
        """The state before the first word."""
        raise NotImplementedError

    def step(self, projected: Float[Tensor, "... gates*H"], state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One word further: the new state, its first part the output."""
        raise NotImplementedError


class RNNCell(Cell):
    """Elman's cell: h' = tanh(W x + U h + b), W = weight_ih [H, I], U = weight_hh [H, H], b = bias [H]."""

    def zeros(self, like):
        return (like.new_zeros(*like.shape[:-1], self.hidden_size),)

    def step(self, projected, state):
        (h,) = state
        return (torch.tanh(projected + F.linear(h, self.weight_hh)),)

    @shaped
    def forward(
        self, x: Float[Tensor, "*B input_size"], h: Float[Tensor, "*B hidden_size"] | None = None
    ) -> Float[Tensor, "*B hidden_size"]:
        projected = self.project(x)
        return self.step(projected, self.zeros(projected) if h is None else (h,))[0]


class LSTMCell(Cell):
    """Long short-term memory, with a forget gate:

        i = sigmoid(W_i x + U_i h + b_i)    what to write          f = sigmoid(W_f x + U_f h + b_f)    what to keep
        g = tanh   (W_g x + U_g h + b_g)    the new content        o = sigmoid(W_o x + U_o h + b_o)    what to show
        c' = f * c + i * g                                         h' = o * tanh(c')

    The rows of weight_ih [4H, I], weight_hh [4H, H] and bias [4H] are those of i, f, g, o, in this order (torch's).
    `forget_bias` is b_f at the start: 1 keeps most of c until the cell has learnt what to drop (Gers et al.).
    """

    gates = 4

    @shaped
    def __init__(self, input_size: Size, hidden_size: Size,
                 forget_bias: Annotated[float, Rule(number, "a finite number")] = 1.0):  # fmt: skip
        super().__init__(input_size, hidden_size)
        with torch.no_grad():
            self.bias[hidden_size : 2 * hidden_size] = forget_bias

    def zeros(self, like):
        return tuple(like.new_zeros(*like.shape[:-1], self.hidden_size) for _ in range(2))

    def step(self, projected, state):
        h, c = state
        i, f, g, o = (projected + F.linear(h, self.weight_hh)).chunk(4, dim=-1)  # (..., H) each
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    @shaped
    def forward(self, x: Float[Tensor, "*B input_size"], state: tuple[Tensor, Tensor] | None = None
                ) -> tuple[Float[Tensor, "*B hidden_size"], Float[Tensor, "*B hidden_size"]]:  # fmt: skip
        """(h, c) out of x and the (h, c) before it, which is zeros where none is given."""
        projected = self.project(x)
        return self.step(projected, self.zeros(projected) if state is None else state)


# --- Along a sequence -----------------------------------------------------------------------------------------------

State = list[tuple[Tensor, ...]]  # for each layer (and within it each direction) the parts of its cell's state


class Recurrent(nn.Module):
    """Cells along padded sequences, layer upon layer; `bidirectional` reads each layer from both ends.

    forward returns (outputs, state): the hidden state at every place, zeros on padding (both directions side by side:
    2H), and each cell's state after its last word. `lengths` says how many places of each sequence are no padding.
    """

    cell_class: type[Cell]

    @shaped
    def __init__(self, input_size: Size, hidden_size: Size, num_layers: Size = 1, dropout: Share = 0.0,
                 bidirectional: bool = False, **cell_options):  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.directions, self.dropout = 2 if bidirectional else 1, nn.Dropout(dropout)
        widths = [input_size] + [self.directions * hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(
            self.cell_class(width, hidden_size, **cell_options) for width in widths for _ in range(self.directions)
        )

    @shaped
    def forward(self, inputs: Float[Tensor, "B T input_size"], lengths: Int[Tensor, " B"] | None = None,
                state: State | None = None) -> tuple[Float[Tensor, "B T H"], State]:  # fmt: skip
        fit = lengths is None or all_hold((lengths >= 1) & (lengths <= inputs.shape[1]))
        require(fit, "lengths", lengths, f"whole numbers from 1 to {inputs.shape[1]}")
        cells = len(self.cells) if state is None else len(state)
        require(cells == len(self.cells), "state", state, f"what this gave, {len(self.cells)} and not {cells} cells")
        x, new_state = inputs, []
        for first in range(0, len(self.cells), self.directions):
            outputs = []
            for direction in range(self.directions):
                backwards = direction == 1
                before = None if state is None else state[first + direction]
                y, after = _run(self.cells[first + direction], reverse(x, lengths) if backwards else x, lengths, before)
                outputs.append(reverse(y, lengths) if backwards else y)
                new_state.append(after)
            x = torch.cat(outputs, dim=-1)  # (B, T, H) or (B, T, 2H)
            if first + self.directions < len(self.cells):
                x = self.dropout(x)
        return x, new_state


class RNN(Recurrent):
    """`RNNCell` along sequences."""

    cell_class = RNNCell


class LSTM(Recurrent):
    """`LSTMCell` along sequences; takes its `forget_bias`."""

    cell_class = LSTMCell


def _run(cell: Cell, x: Float[Tensor, "B T I"], lengths, state) -> tuple[Float[Tensor, "B T H"], tuple[Tensor, ...]]:
    projected = cell.project(x)  # (B, T, gates H)
    state = cell.zeros(projected[:, 0]) if state is None else state
    outputs = []
    for t, now in enumerate(projected.unbind(1)):
        new = cell.step(now, state)
        if lengths is None:
            state, output = new, new[0]
        else:  # where the sequence is over its state stays as it is
            alive = (t < lengths)[:, None]
            state = tuple(torch.where(alive, after, before) for after, before in zip(new, state))
            output = torch.where(alive, new[0], torch.zeros_like(new[0]))
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


# --- Models on top --------------------------------------------------------------------------------------------------

LAYERS = {"rnn": RNN, "lstm": LSTM}
CellName = Literal[tuple(LAYERS)]


class RecurrentLanguageModel(nn.Module):
    """Embedding, RNN or LSTM, and a score for every word that may come next.

    forward returns logits: those at place t, which has read the words up to and with t, are for the word at t + 1.
    """

    @shaped
    def __init__(self, vocab_size: Size, d_model: Size = 128, num_layers: Size = 1, dropout: Share = 0.0,
                 cell: CellName = "lstm", **cell_options):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layers = LAYERS[cell](d_model, d_model, num_layers, dropout, **cell_options)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d_model, vocab_size)

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T V"]:
        return self.read(input_ids, lengths_of(attention_mask))[0]

    @shaped
    def read(
        self, input_ids: Int[Tensor, "B T"], lengths: Int[Tensor, " B"] | None = None, state: State | None = None
    ) -> tuple[Float[Tensor, "B T V"], State]:
        """The logits, and the state to go on reading from."""
        x, state = self.layers(self.dropout(look_up(self.embedding, input_ids)), lengths, state)
        return self.output(self.dropout(x)), state

    @torch.no_grad()
    @shaped
    def sample(
        self, input_ids: Int[Tensor, "B T"], length: Count, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B T+length"]:
        """The prompt and `length` words more, each drawn from the model's probabilities. (Call eval() first.)"""
        logits, state = self.read(input_ids)
        for _ in range(length):
            word = torch.multinomial(logits[:, -1].softmax(-1), 1, generator=generator)  # (B, 1)
            input_ids = torch.cat([input_ids, word], dim=1)
            logits, state = self.read(word, state=state)
        return input_ids


class RecurrentClassifier(nn.Module):
    """Embedding, RNN or LSTM, and a score for each class from the state after the last word (of both directions)."""

    @shaped
    def __init__(self, vocab_size: Size, num_classes: Size, d_model: Size = 128, num_layers: Size = 1,
                 dropout: Share = 0.0, cell: CellName = "lstm", bidirectional: bool = False,
                 **cell_options):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layers = LAYERS[cell](d_model, d_model, num_layers, dropout, bidirectional, **cell_options)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d_model * self.layers.directions, num_classes)

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B num_classes"]:
        lengths = lengths_of(attention_mask)
        _, state = self.layers(self.dropout(look_up(self.embedding, input_ids)), lengths)
        last = torch.cat([parts[0] for parts in state[-self.layers.directions :]], dim=-1)  # (B, H) or (B, 2H)
        return self.output(self.dropout(last))


class RecurrentEncoderDecoder(nn.Module):
    """Reads one sequence and writes another, and before each symbol it writes looks back at all it has read.

    The encoder reads from both ends: one vector of 2D numbers for each place. The decoder reads what is written so far;
    its state is the query of additive attention over those vectors, and what comes back decides about the next symbol.
    `attention=False` takes the looking back away: each symbol gets the encoder's last state, and must do with that.
    """

    @shaped
    def __init__(self, vocab_size: Size, d_model: Size = 64, cell: CellName = "lstm", attention: bool = True,
                 **cell_options):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)  # one alphabet for both sides
        self.encoder = LAYERS[cell](d_model, d_model, bidirectional=True, **cell_options)
        self.decoder = LAYERS[cell](d_model, d_model, **cell_options)
        self.attention = AdditiveAttention(d_model, 2 * d_model, d_model) if attention else None
        self.mix = nn.Linear(3 * d_model, d_model)
        self.output = nn.Linear(d_model, vocab_size)

    @shaped
    def forward(
        self, source_ids: Int[Tensor, "B S"], target_ids: Int[Tensor, "B T"],
        source_mask: Bool[Tensor, "B S"] | None = None, return_attention: bool = False,
    ) -> Float[Tensor, "B T V"] | tuple[Float[Tensor, "B T V"], Float[Tensor, "B T S"]]:  # fmt: skip
        """Logits: those at place t guess the target's symbol t + 1. With `return_attention` also each symbol's weights.

        The mask is True for text, then False for padding. ValueError where the weights are asked of a model without.
        """
        has = self.attention is not None or not return_attention
        require(has, "return_attention", return_attention, "False for a model that was made with attention=False")
        logits, _, weights = self._write(target_ids, *self._read(source_ids, source_mask), source_mask)
        return (logits, weights) if return_attention else logits

    def _read(self, source_ids, source_mask) -> tuple[Float[Tensor, "B S 2D"], Float[Tensor, "B 2D"]]:
        """A vector for each place, and the last state of both directions."""
        memory, state = self.encoder(look_up(self.embedding, source_ids), lengths_of(source_mask))
        return memory, torch.cat([parts[0] for parts in state], dim=-1)

    def _write(self, target_ids, memory, last, source_mask, state: State | None = None) -> tuple:
        """(logits, the decoder's state to go on from, weights or None)."""
        y, state = self.decoder(look_up(self.embedding, target_ids), state=state)  # (B, T, D)
        if self.attention is None:
            context, weights = last[:, None].expand(-1, y.shape[1], -1), None  # (B, T, 2D)
        else:
            context, weights = self.attention(y, memory, mask=None if source_mask is None else source_mask[:, None])
        mixed = torch.tanh(self.mix(torch.cat([y, context], dim=-1)))  # (B, T, D)
        return self.output(mixed), state, weights

    @torch.no_grad()
    @shaped  # once, and not for each symbol that is written
    def generate(
        self, source_ids: Int[Tensor, "B S"], start: Token, end: Token, max_length: Size,
        source_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Int[Tensor, "B N"]:  # fmt: skip
        """The likeliest symbol, again and again, from `start` until every row has said `end` or holds `max_length`.

        The symbols after `start`; a row that has said `end` repeats it.
        """
        memory, last = self._read(source_ids, source_mask)
        symbol, state, written = torch.full_like(source_ids[:, :1], start), None, []
        while len(written) < max_length and not (written and bool((symbol == end).all())):
            over = symbol == end if written else torch.zeros_like(symbol, dtype=torch.bool)
            logits, state, _ = self._write(symbol, memory, last, source_mask, state)
            symbol = logits.argmax(-1).masked_fill(over, end)  # (B, 1)
            written.append(symbol)
        return torch.cat(written, dim=1)
