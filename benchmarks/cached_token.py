"""What a token costs that is read with a cache, beside the same token by an earlier commit; and what `@shaped` costs.

    python benchmarks/cached_token.py 229cb84       (half a minute on a quiet core; needs the clone's history)

An `Encoder` of 6 layers (d_model 256) reads one token after about 256 others: one thread, no gradients. Both versions
take turns, token by token, and CPU seconds are compared; what else the machine does only ever adds, so look at the
least as well as at the median. The earlier version's modules are read out of git into a package of their own.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from jaxtyping import Float
from torch import Tensor

ROOT = pathlib.Path(__file__).parent.parent
MODULES = "attention", "transformer", "settings", "shapes"
TRIALS, TOKENS, READ = 40, 32, 240


def earlier(commit: str, folder: str):
    """The module `transformer` of that commit."""
    package = pathlib.Path(folder) / "earlier_lib"
    package.mkdir()
    for name in MODULES:
        command = ["git", "-C", str(ROOT), "show", f"{commit}:course_lib/{name}.py"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:  # not every commit has every module
            (package / f"{name}.py").write_text(done.stdout.replace("course_lib", "earlier_lib"))
    sys.path.insert(0, folder)
    from earlier_lib import transformer

    return transformer


@torch.no_grad()
def token_seconds(encoders: list) -> list[list[float]]:
    """Of each encoder, every token's CPU seconds."""
    seconds = [[] for _ in encoders]
    x = torch.randn(1, READ + TOKENS, 256)
    for _ in range(TRIALS):
        caches = [encoder.new_cache() for encoder in encoders]
        for encoder, cache in zip(encoders, caches):
            encoder(x[:, :READ], is_causal=True, cache=cache)
        for t in range(READ, READ + TOKENS):
            for turn in range(len(encoders)):
                which = (t + turn) % len(encoders)
                start = time.process_time()
                encoders[which](x[:, t : t + 1], is_causal=True, cache=caches[which])
                seconds[which].append(time.process_time() - start)
    return seconds


def door_microseconds(calls: int = 2000, rounds: int = 7) -> float:
    """What checking the shapes adds to a call with query, key, value and mask."""
    from course_lib.attention import Mask
    from course_lib.shapes import shaped

    @shaped
    def nothing(
        query: Float[Tensor, "*batch T D"],
        key: Float[Tensor, "*batch S D"],
        value: Float[Tensor, "*batch S V"],
        mask: Mask | None = None,
    ):
        pass

    q, k, mask = torch.zeros(2, 3, 5, 4), torch.zeros(2, 3, 7, 4), torch.ones(2, 1, 1, 7, dtype=torch.bool)
    least = {}
    for function in (nothing, nothing.__wrapped__):
        for _ in range(rounds):
            start = time.process_time()
            for _ in range(calls):
                function(q, k, k, mask)
            took = (time.process_time() - start) / calls
            least[function] = min(took, least.get(function, took))
    return (least[nothing] - least[nothing.__wrapped__]) * 1e6


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    from course_lib import transformer

    torch.set_num_threads(1)
    settings = {"d_model": 256, "num_layers": 6, "num_heads": 4, "dropout": 0.0, "norm": "pre"}
    with tempfile.TemporaryDirectory() as folder:
        modules = [earlier(sys.argv[1], folder), transformer]
        encoders = [module.Encoder(module.TransformerConfig(**settings)).eval() for module in modules]
        encoders[1].load_state_dict(encoders[0].state_dict())
        before, now = token_seconds(encoders)
    for name, measure in (("least", min), ("median", statistics.median)):
        old, new = measure(before) * 1e6, measure(now) * 1e6
        print(f"{name:6} {sys.argv[1]}: {old:,.0f} microseconds a token, now {new:,.0f}: {1 - new / old:.1%} less")
    print(f"the shapes of one call of attention: {door_microseconds():.0f} microseconds")


if __name__ == "__main__":
    main()
