"""Opening a model: heads are taken out, patterns are measured, straight lines are fitted to what its stream holds.

    with ablated(model, [(18, 6)]):
        loss = model.loss(rows)    # of a model in which head 6 of block 18 says nothing

What it is. `ablated` works on any model of the course whose `blocks` have an `attention` with an `output` layer (GPT,
Llama): a hook of torch's changes what that layer reads, and the model's own code stays as it is. `usual_outputs` is
what heads say on average, to be said in their place. `prefix_matching` says how much a head looks at what came next the
last time. `fit_linear` is least squares, for probes and for lenses that are tuned.

What it leaves out. Parts other than heads; which part feeds which (paths, patching); probes with hidden layers.

Papers. Michel, Levy & Neubig (2019), "Are Sixteen Heads Really Better than One?"; Olsson et al. (2022), "In-context
Learning and Induction Heads", for the score; Hewitt & Liang (2019), "Designing and Interpreting Probes with Control
Tasks"; Belrose et al. (2023), "Eliciting Latent Predictions from Transformers with the Tuned Lens".

Shapes: L blocks, H heads, d = D / H numbers a head, B texts, T tokens.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.settings import Positive, require, require_ids
from course_lib.shapes import shaped
from course_lib.training import evaluation_mode

# --- Heads taken out --------------------------------------------------------------------------------------------------


@contextmanager
def ablated(
    model: nn.Module, heads: Iterable[tuple[int, int]], usual: Float[Tensor, "L H d"] | None = None
) -> Iterator[None]:
    """Within it the heads, pairs (block, head) counted from 0, add nothing to the stream; afterwards all is as before.

    With `usual` (see `usual_outputs`) they say this instead, whatever the text. ValueError for a head that the model
    does not have, and for `usual` of another shape.
    """
    H, chosen = model.config.num_heads, defaultdict(list)
    for block, head in heads:
        require_ids([block], len(model.blocks), "block")
        require_ids([head], H, "head")
        chosen[block].append(head)
    shape = (len(model.blocks), H, model.config.d_model // H)
    require(usual is None or usual.shape == shape, "usual", usual, f"of shape {shape}, as usual_outputs of this model")

    def hook(block: int, heads: list[int]):
        def without(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
            said = inputs[0].unflatten(-1, (H, -1)).clone()  # (B, T, H, d)
            said[..., heads, :] = 0.0 if usual is None else usual[block, heads].to(said)
            return (said.flatten(-2),)

        return without

    with ExitStack() as stack:
        for block, some in chosen.items():
            handle = model.blocks[block].attention.output.register_forward_pre_hook(hook(block, some))
            stack.callback(handle.remove)
        yield


@torch.no_grad()
def usual_outputs(model: nn.Module, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "L H d"]:
    """What each head says, before the output layer, as a mean over all places of these texts."""
    said: list[Tensor] = []
    with ExitStack() as stack:
        for block in model.blocks:
            handle = block.attention.output.register_forward_pre_hook(
                lambda module, inputs: said.append(inputs[0].flatten(0, -2).mean(0)))  # fmt: skip
            stack.callback(handle.remove)
        stack.enter_context(evaluation_mode(model))
        model(input_ids)
    return torch.stack(said).unflatten(-1, (model.config.num_heads, -1))


# --- Patterns measured ------------------------------------------------------------------------------------------------


@shaped
def prefix_matching(attention: Float[Tensor, "*L T T"], input_ids: Int[Tensor, " T"]) -> Float[Tensor, "*L"]:
    """How much of their weight the tokens put on what came next when they stood there before (Olsson et al. 2022).

    A place t looks right at j where token j - 1 is token t, and j <= t. The mean is over the places that have such a j.
    ValueError for a text in which no token comes twice.

    >>> prefix_matching(torch.eye(4)[[0, 0, 1, 1]], torch.tensor([5, 6, 7, 5]))    # the last looks at the 6: right
    tensor(1.)
    """
    same = input_ids[:, None] == input_ids  # (T, T)
    right = same.roll(1, dims=1).tril()  # (t, j): token j - 1 is token t
    right[:, 0] = False  # roll has put the last token in front of the first
    asked = right.any(1)
    require(bool(asked.any()), "input_ids", input_ids.tolist()[:8], "a text in which a token comes again")
    return (attention * right).sum(-1)[..., asked].mean(-1)


# --- Straight lines ---------------------------------------------------------------------------------------------------


@shaped
def fit_linear(
    x: Float[Tensor, "N D"], y: Float[Tensor, "N K"], ridge: Positive = 1e-3
) -> tuple[Float[Tensor, "D K"], Float[Tensor, " K"]]:
    """Weight and bias with the least mean squared error of x @ weight + bias, plus ridge times the weight's squares.

    The columns of x count alike in the penalty, whatever their scale: it is as if each had standard deviation 1. Solved
    in float64. ValueError for a penalty that is not above 0 (columns may be combinations of each other).
    """
    x, y = x.double(), y.double()
    for name, values in (("x", x), ("y", y)):
        require(bool(values.isfinite().all()), name, values[~values.isfinite()][:1].tolist(), "finite numbers")
    mean, middle, scale = x.mean(0), y.mean(0), x.std(0, correction=0) + 1e-9
    z = (x - mean) / scale
    penalty = ridge * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weight = torch.linalg.solve(z.T @ z + penalty, z.T @ (y - middle)) / scale[:, None]  # (D, K)
    return weight.float(), (middle - mean @ weight).float()
