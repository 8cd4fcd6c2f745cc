"""What a model knows by heart, and a training that bounds what it can know of any one line.

    exposure(candidate_log_probs(model, prefix, candidates), index)     # how far a planted secret stands out, in bits
    auc(-losses_in, -losses_out)                                        # can its losses tell who was in the text?
    history = train(model, rows, Plan(clip=1.0, noise=0.8))             # DP-SGD: clip each line, add noise
    Plan(clip=1.0, noise=0.8).epsilon(lines=2000, delta=1e-4)           # what that promises

What it is. Two attacks, on planted secrets (canaries) and on membership; gradients of each line by itself with
`torch.func`; one loop for private and plain training, so that both get the same care; and the accountant that adds up
the steps: Renyi differential privacy of the Gaussian mechanism on lines that chance picks, for whole orders.

What it leaves out. Shadow models, orders between whole numbers (they would make some epsilons smaller by a hundredth),
tighter accountants, privacy of a person with many lines, and random numbers that nobody could guess: torch's can be.

Papers. Carlini, Liu, Erlingsson, Kos, Song (2019), "The Secret Sharer" (exposure); Yeom, Giacomelli, Fredrikson, Jha
(2018), "Privacy Risk in Machine Learning" (membership by the loss); Abadi et al. (2016), "Deep Learning with
Differential Privacy" (DP-SGD); Mironov (2017), "Renyi Differential Privacy"; Mironov, Talwar, Zhang (2019), "Renyi
Differential Privacy of the Sampled Gaussian Mechanism", section 3.3.

Shapes: B lines of T + 1 tokens, V = vocabulary, N candidates or lines; a gradient of each line is [B, *parameter].
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Real
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from course_lib.intervals import ranks
from course_lib.settings import Count, NotNegative, Portion, Positive, Rule, Settings, Size, number, require, whole
from course_lib.shapes import shaped, wide
from course_lib.training import evaluation_mode

PADDING = -100  # behind the end of a short line: no token, and nothing that a loss counts
ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 512)

Delta = Annotated[float, Rule(lambda value: number(value) and 0 < value < 1, "a share between 0 and 1, as 1e-5")]
Order = Annotated[int, Rule(lambda value: whole(value, 2), "a whole number of 2 or more")]
Orders = Annotated[Sequence[int], Rule(lambda some: len(some) > 0 and all(whole(one, 2) for one in some),
                                       "whole numbers of 2 or more")]  # fmt: skip
Prefix = Annotated[Sequence[int], Rule(lambda some: len(some) > 0, "one token or more")]


# --- Lines, and their losses ------------------------------------------------------------------------------------------


def padded(lines: Sequence[Sequence[int]]) -> Int[Tensor, "B T+1"]:
    """Token ids of lines of unlike length as one tensor, `PADDING` behind the shorter ones.

    >>> padded([[5, 6, 7], [8, 9]]).tolist()
    [[5, 6, 7], [8, 9, -100]]
    """
    require(len(lines) > 0, "lines", lines, "one line or more")
    return nn.utils.rnn.pad_sequence([torch.as_tensor(line) for line in lines], batch_first=True, padding_value=PADDING)


def line_losses(model: Callable, rows: Int[Tensor, "B T+1"]) -> Float[Tensor, " B"]:
    """For each line the mean loss, in nats, of its tokens after the first; NaN for a line of one token."""
    ids, labels = rows[:, :-1].clamp(min=0), rows[:, 1:].long()  # what stands behind the end is read and not asked for
    nats = F.cross_entropy(model(ids).logits.transpose(1, 2), labels, ignore_index=PADDING, reduction="none")
    return nats.sum(1) / (labels != PADDING).sum(1)


# --- Secrets ----------------------------------------------------------------------------------------------------------


@shaped
def exposure(scores: Real[np.ndarray, " N"], index: Count) -> float:
    """log2 N - log2 rank, in bits, of candidate `index` among N: the higher its score, the smaller its rank.

    The largest score has rank 1; equal scores share the mean of their places. log2 N where the secret comes first; for
    a secret that the model has never seen 1 / ln 2 = 1.44 on the average. IndexError for a candidate beyond the last.

    >>> exposure([0.1, 0.7, 0.2, 0.0], 2)  # the second of four
    1.0
    """
    place = ranks(np.nan_to_num(-scores.astype(np.float64), nan=np.nan))[index]  # -inf has its rank, too
    return math.log2(len(scores) / place)


@torch.no_grad()
@shaped
def candidate_log_probs(model: nn.Module, prefix: Prefix, candidates: Int[Tensor, "N L"]) -> Float[Tensor, " N"]:
    """log p, in nats, of each candidate behind the prefix; dropout is off. Beginnings that they share are read once."""
    whole = torch.cat([torch.as_tensor(prefix).to(candidates).expand(len(candidates), -1), candidates], dim=1)
    ids, which = torch.unique(whole[:, :-1], dim=0, return_inverse=True)  # all but the last token
    with evaluation_mode(model):
        logs = model(ids).logits.log_softmax(-1)[:, len(prefix) - 1 :]  # (heads, L, V)
    return logs[which].gather(2, candidates[:, :, None]).sum((1, 2))


# --- Membership -------------------------------------------------------------------------------------------------------


@shaped
def auc(members: Real[np.ndarray, " M"], others: Real[np.ndarray, " O"]) -> float:
    """How often a member's score lies above another's, over all pairs; a tie counts half. 0.5 is guessing.

    >>> auc([3, 2], [1, 2])
    0.875
    """
    M, rest = len(members), len(others)
    return float((ranks(np.concatenate([members, others]))[:M].sum() - M * (M + 1) / 2) / (M * rest))


@shaped
def roc(members: Real[np.ndarray, " M"], others: Real[np.ndarray, " O"]) -> tuple[np.ndarray, np.ndarray]:
    """(false alarms, members found), as shares, for every threshold from the strictest down; both begin with 0."""
    places = ranks(np.concatenate([members, others]))  # which have the same order, and say so where one is NaN
    cuts = np.r_[np.inf, np.unique(places)[::-1]]
    return tuple((scores[:, None] >= cuts).mean(0) for scores in (places[len(members) :], places[: len(members)]))


# --- Gradients, one line at a time ------------------------------------------------------------------------------------


def per_sample_gradients(
    model: nn.Module, rows: Int[Tensor, "B T+1"], losses: Callable = line_losses
) -> dict[str, Float[Tensor, "B ..."]]:
    """The gradient of each line's own loss, for every parameter that learns: name -> [B, *its shape].

    `losses(model, rows)` gives one loss a line. Where there is dropout each line draws its own.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def loss(weights, row):
        return losses(lambda *given: functional_call(model, weights, given), row[None])[0]

    with sdpa_kernel(SDPBackend.MATH):  # vmap knows how to run this attention for all lines at once
        return vmap(grad(loss), in_dims=(None, 0), randomness="different")(weights, rows)


def lengths(gradients: dict[str, Float[Tensor, "B ..."]]) -> Float[Tensor, " B"]:
    """How long each line's gradient is, over all parameters together."""
    return torch.stack([wide(part).flatten(1).square().sum(1) for part in gradients.values()]).sum(0).sqrt()


def clipped_sum(gradients: dict[str, Float[Tensor, "B ..."]], clip: float) -> dict[str, Tensor]:
    """The sum of the lines' gradients, the long ones shortened to `clip`: no line adds more than that."""
    share = (clip / lengths(gradients).clamp(min=1e-12)).clamp(max=1.0)  # (B,)
    return {name: torch.einsum("b,b...->...", share.to(part), part) for name, part in gradients.items()}


# --- Training, private or plain ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan(Settings):
    """Settings of `train`. Without `clip` it is plain training; with it each line's gradient is at most that long.

    `batch`: lines a step *on the average*: each line comes with the same chance, for itself (Poisson sampling), as the
    accountant assumes. `noise`: its standard deviation for one step's sum, in units of `clip` (sigma of the papers).
    """

    steps: Size = 150
    batch: Size = 128
    rate: Positive = 5e-3
    clip: Positive | None = None
    noise: NotNegative = 0.0
    warmup: Count = 10
    seed: Count = 1

    def __post_init__(self):
        super().__post_init__()
        require(self.noise == 0 or self.clip is not None, "noise", self.noise, "0 where nothing is clipped")

    @shaped
    def epsilon(self, lines: Size, delta: Delta) -> float:
        """What this plan promises for `lines` lines; infinity without noise."""
        return epsilon(min(1.0, self.batch / lines), self.noise, self.steps, delta) if self.noise else math.inf


def train(
    model: nn.Module, rows: Int[Tensor, "N T+1"], plan: Plan, losses: Callable = line_losses,
    on_step: Callable[[int], None] | None = None,
) -> nn.Module:  # fmt: skip
    """Train the model in place with Adam; `on_step` is called with the number of each step that is done."""
    require(plan.batch <= len(rows), "batch", plan.batch, f"at most the number of lines ({len(rows)})")
    chance = torch.Generator().manual_seed(plan.seed)
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam(own.values(), lr=plan.rate)
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * min(1, (step + 1) / max(1, plan.warmup)) * (1 - step / plan.steps)
        some = rows[torch.rand(len(rows), generator=chance) < plan.batch / len(rows)]
        for name, slope in step_gradient(model, some, plan, chance, losses).items():
            own[name].grad = slope
        optimizer.step()
        if on_step is not None:
            on_step(step + 1)
    return model


def step_gradient(model, rows, plan: Plan, chance: torch.Generator, losses: Callable = line_losses) -> dict:
    """The gradient of one step: (sum over lines, clipped where asked, + noise) / the *expected* number of lines."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not len(rows):  # chance picked nobody
        total = {name: torch.zeros_like(p) for name, p in own.items()}
    elif plan.clip is None:
        total = dict(zip(own, torch.autograd.grad(losses(model, rows).sum(), own.values())))
    else:
        total = clipped_sum(per_sample_gradients(model, rows, losses), plan.clip)
    if plan.noise:
        total = {name: part + plan.noise * plan.clip * torch.randn(part.shape, generator=chance).to(part)
                 for name, part in total.items()}  # fmt: skip
    return {name: part / plan.batch for name, part in total.items()}


# --- The accountant ---------------------------------------------------------------------------------------------------


@shaped
def rdp(rate: Portion, noise: Positive, order: Order) -> float:
    """Renyi divergence of one step: how far apart its results can be with and without one line, at a whole order.

    `rate`: the chance of a line to be in a batch; `noise`: sigma in units of the clip. Mironov, Talwar, Zhang (2019):
    log of the sum over k of binomial(order, k) (1 - rate)^(order - k) rate^k exp((k^2 - k) / (2 sigma^2)), divided by
    order - 1; with rate 1 it is order / (2 sigma^2), the plain Gaussian mechanism.
    """
    if rate == 1:
        return order / (2 * noise**2)
    logs = [math.log(math.comb(order, k)) + (order - k) * math.log1p(-rate) + k * math.log(rate)
            + (k * k - k) / (2 * noise**2) for k in range(order + 1)]  # fmt: skip
    most = max(logs)
    return max(0.0, most + math.log(sum(math.exp(x - most) for x in logs))) / (order - 1)


@shaped
def epsilon(rate: Portion, noise: Positive, steps: Size, delta: Delta, orders: Orders = ORDERS) -> float:
    """The smallest epsilon that the orders give for so many steps (Mironov 2017, proposition 3)."""
    return min(steps * rdp(rate, noise, order) + math.log(1 / delta) / (order - 1) for order in orders)


@shaped
def noise_for(target: Positive, rate: Portion, steps: Size, delta: Delta) -> float:
    """The least noise, to a thousandth, with which so many steps cost at most `target`."""
    low, high = 0.05, 0.1
    while epsilon(rate, high, steps, delta) > target:
        low, high = high, 2 * high
        require(high < 1e4, "target", target, "an epsilon that some noise reaches: raise it, or delta")
    while high - low > 5e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if epsilon(rate, middle, steps, delta) <= target else (middle, high)
    return math.ceil(high * 1000) / 1000
