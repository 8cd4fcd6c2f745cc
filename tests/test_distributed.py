"""distributed, by training under torchrun: two processes do what one does, and come back from a kill bit for bit."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from course_lib import distributed, training

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no gloo"),
]

# The same script on one device and on many: nothing in it knows how many processes there are.
SCRIPT = """
import json, os, pathlib, random, signal, sys
import torch
from course_lib import distributed, training
from course_lib.bert import BertConfig, BertForPreTraining, SentencePairs

folder, options = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
rank = int(os.environ.get("RANK", 0))
torch.set_num_threads(1)
torch.manual_seed(100 + rank)  # unlike weights at first: all must start from those of the first process
model = BertForPreTraining(BertConfig(30, 16, 16, 2, 2, dropout=options.get("dropout", 0.0)))
model.unused = torch.nn.Linear(3, 3)
model.to(getattr(torch, options.get("dtype", "float32")))

rng = random.Random(0)
documents = [[[rng.randrange(5, 30) for _ in range(rng.randrange(2, 8))] for _ in range(6)] for _ in range(9)]
batches = SentencePairs(documents, cls_id=1, sep_id=2, mask_id=3, words=range(5, 30), context_length=16, batch_size=4)
seen, kill_at = [], options.get("kill_at")

def loss(model, batch):
    seen.append(batch.labels.tolist())
    if options.get("nothing counts in the first"):
        if len(seen) == 1 and rank == 0:
            return model.loss(batch) * float("nan"), 0
    return model.loss(batch), batch.labels.numel()

def on_step(progress):
    if progress.step == kill_at and rank == options.get("killed", 0):
        os.kill(os.getpid(), signal.SIGKILL)

def say(progress):
    (folder / f"progress_{rank}").touch()

config = training.TrainingConfig(steps=7, learning_rate=0.01, warmup_steps=2, evaluate_every=3, checkpoint_every=2,
                                 accumulate=options.get("accumulate", 4), log_every=options.get("log_every", 1))
held_out = list(batches(torch.Generator().manual_seed(5)))[:3]
history = training.train(model, batches, loss, config, held_out=held_out, checkpoint=folder / "run",
                         resume=options.get("resume", False), progress=say, on_step=on_step)
found = {"losses": history.losses, "norms": history.gradient_norms, "held_out": history.held_out, "seen": seen,
         "weights": {name: p.tolist() for name, p in model.named_parameters()}}
(folder / f"found_{rank}.json").write_text(json.dumps(found))
"""


def start(folder: Path, processes: int, **options) -> subprocess.CompletedProcess:
    """Run the script on so many processes (0: without torchrun)."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes else []
    env = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, str(script), str(folder), json.dumps(options)]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=600)


def run(folder: Path, processes: int, **options) -> list[dict]:
    """What each process found."""
    done = start(folder, processes, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"found_{rank}.json").read_text()) for rank in range(max(1, processes))]


def losses(found: dict) -> list[float]:
    """The history of a run in a row, for comparing within a tolerance."""
    return [*found["losses"], *found["norms"], *(loss for _, loss in found["held_out"])]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    (found,) = run(tmp_path_factory.mktemp("alone"), 0)
    return found


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory):
    """With dropout, never broken off."""
    return run(tmp_path_factory.mktemp("in_peace"), 2, dropout=0.3)


def test_two_processes_give_the_losses_of_one(tmp_path, alone):
    first, second = run(tmp_path, 2)
    assert losses(first) == pytest.approx(losses(alone), abs=1e-6, rel=0)
    for what in ("losses", "norms", "held_out", "weights"):
        assert first[what] == second[what]  # bit for bit
    assert (tmp_path / "progress_0").exists()
    assert not (tmp_path / "progress_1").exists()
    each = {"in all": 7 * 4 + 4 * 3, "first": 7 * 2 + 4 * 2, "second": 7 * 2 + 4 * 1}  # 3 held-out batches, 4 looks
    assert each == {"in all": len(alone["seen"]), "first": len(first["seen"]), "second": len(second["seen"])}
    assert sorted(first["seen"] + second["seen"]) == sorted(alone["seen"])


def test_an_odd_number_of_batches_and_one_that_does_not_count(tmp_path):
    """In float64, where the weights agree as well: Adam makes a step of what float32 rounds off at a gradient of 0."""
    options = {"accumulate": 3, "log_every": 3, "nothing counts in the first": True, "dtype": "float64"}
    (alone,) = run(tmp_path / "alone", 0, **options)
    first, second = run(tmp_path / "two", 2, **options)
    assert losses(first) == pytest.approx(losses(alone), abs=1e-6, rel=0)
    for name, weight in alone["weights"].items():
        torch.testing.assert_close(torch.tensor(first["weights"][name]), torch.tensor(weight), atol=1e-9, rtol=0)
    assert first["weights"] == second["weights"]
    assert len(first["seen"]) > len(second["seen"])


def test_under_torchrun_dropout_is_the_same_for_any_number_of_processes(tmp_path, in_peace):
    (one,) = run(tmp_path, 1, dropout=0.3)
    assert losses(in_peace[0]) == pytest.approx(losses(one), abs=1e-6, rel=0)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_kill_resumes_bit_for_bit(tmp_path, in_peace, killed):
    assert start(tmp_path, 2, dropout=0.3, kill_at=5, killed=killed).returncode != 0
    assert json.loads((tmp_path / "run/checkpoint.json").read_text())["step"] == 4
    resumed = run(tmp_path, 2, dropout=0.3, resume=True)
    for a, b in zip(in_peace, resumed):
        assert len(b["seen"]) < len(a["seen"])
        for what in ("losses", "norms", "held_out", "weights"):
            assert a[what] == b[what]


def test_fewer_batches_than_processes_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "join", lambda device: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 4)
    with pytest.raises(ValueError, match="accumulate=3 cannot .* must be 4 or more, a batch for each process"):
        training.train(torch.nn.Linear(1, 1), [1], lambda model, batch: None, training.TrainingConfig(accumulate=3))


def test_processes_at_unlike_steps_are_told(monkeypatch):
    team = distributed.Team()
    team.together, team.size = True, 2
    monkeypatch.setattr(team, "sum", lambda own: own + torch.tensor([0, 4]))
    with pytest.raises(RuntimeError, match=r"would go on from the steps \[0, 4\]: name a checkpoint folder that all"):
        team.begin(torch.nn.Linear(1, 1), 0)


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sums(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "sums.txt"
    path.write_text("\n".join(f"{a} and {b} make {a + b}." for a in range(30) for b in range(20)), encoding="utf-8")
    return path


def pretraining(folder: Path, sums: Path, processes: int, *arguments: str) -> subprocess.Popen:
    """`python -m course_lib.pretrain`, started on so many processes (0: without torchrun)."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes else []
    env = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    command = [sys.executable, *launcher, "-m", "course_lib.pretrain", str(folder), "--model", "gpt", "--size", "tiny",
               "--tokens", "characters", "--text", str(sums), "--batch-size", "2", "--context-length", "16",
               *arguments]  # fmt: skip
    return subprocess.Popen(command, env=env | {"OMP_NUM_THREADS": "1"}, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said[-3000:]


def test_the_command_on_two_processes_is_the_command_on_one_with_the_same_batches(tmp_path, sums):
    finished(pretraining(tmp_path / "two", sums, 2, "--steps", "20"))
    finished(pretraining(tmp_path / "one", sums, 0, "--steps", "20", "--accumulate", "2"))
    two, one = (json.loads((tmp_path / name / "card.json").read_text()) for name in ("two", "one"))
    assert two["training"]["accumulate"] == 2, "a batch for each process, if nobody says otherwise"
    assert two["losses"] == pytest.approx(one["losses"], abs=0.0011), "as rounded in the card"
    for a, b in zip(two["held_out_losses"], one["held_out_losses"], strict=True):
        assert a == pytest.approx(b, abs=1e-6, rel=0)
    assert two["held_out"]["loss"] == pytest.approx(one["held_out"]["loss"], abs=1e-4, rel=0), "of weights in 16 bits"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_the_command_killed_goes_on_bit_for_bit(tmp_path, sums):
    finished(pretraining(tmp_path / "in_peace", sums, 0, "--steps", "160"))
    broken = pretraining(tmp_path / "broken", sums, 0, "--steps", "160")
    while broken.poll() is None and not (tmp_path / "broken/run/checkpoint.json").exists():
        time.sleep(0.02)
    broken.kill()
    broken.communicate()
    assert not (tmp_path / "broken/card.json").exists(), "it was killed on its way"
    finished(pretraining(tmp_path / "broken", sums, 0, "--steps", "160"))
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("in_peace", "broken")]
    assert weights[0] == weights[1]
