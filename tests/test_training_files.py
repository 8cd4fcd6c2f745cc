"""training_files: a folder holds one whole checkpoint whatever breaks, and says what is wrong with any other."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from test_training import H, I, X, Y, net, run, tied, weights
from torch import nn

from course_lib import training_files
from course_lib.training_files import load_weights


def test_a_folder_holds_one_checkpoint_of_a_record_and_safetensors(tmp_path):
    from safetensors import safe_open

    model, _ = run(tied(), checkpoint=tmp_path / "a" / "b", checkpoint_every=5, held_out=[(X, Y)])
    record = json.loads((tmp_path / "a" / "b" / "checkpoint.json").read_text("utf-8"))
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["checkpoint.json", record["tensors"]]
    assert record["step"] == 12
    assert record["config"]["learning_rate"] == 0.05
    with safe_open(tmp_path / "a" / "b" / record["tensors"], "pt") as file:
        assert torch.equal(file.get_tensor("model.inner.weight"), model.inner.weight)
        assert "optimizer.inner.weight.exp_avg" in file.keys()
    fresh = tied()
    assert load_weights(tmp_path / "a" / "b", fresh) == 12
    assert weights(fresh) == weights(model)
    assert fresh.back.weight is fresh.twin.weight


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "step_1.safetensors").write_text("mine")
    (tmp_path / "step_notes.txt").write_text("mine")
    (tmp_path / "step_3_0123abcd.safetensors").write_text("mine, though it looks like a checkpoint")
    run(checkpoint=tmp_path, checkpoint_every=1)
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("breaks", ["save_file", "fsync", "replace", "dumps", "second replace"])
def test_a_break_while_writing_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch, breaks):
    model = net()
    run(model, checkpoint=tmp_path)
    before, files = weights(model), sorted(path.name for path in tmp_path.iterdir())
    calls, real = [], os.replace

    def interrupt(*arguments, **keywords):
        calls.append(arguments)
        if breaks == "second replace" and len(calls) == 1:
            return real(*arguments)
        raise KeyboardInterrupt

    owner = {"save_file": training_files.safetensors.torch, "dumps": json}.get(breaks, os)
    with monkeypatch.context() as patch:
        patch.setattr(owner, breaks.split()[-1], interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(net(4), checkpoint=tmp_path, steps=6)
    assert calls
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    fresh = net(5)
    assert load_weights(tmp_path, fresh) == 12
    assert weights(fresh) == before


ENDLESS = """
import sys, torch
from torch import nn
from course_lib.training import TrainingConfig, train
config = TrainingConfig(steps=10**6, checkpoint_every=3)
train(nn.Linear(2, 1), [torch.ones(1, 2)], lambda model, x: model(x).sum() ** 2, config, checkpoint=sys.argv[1],
      progress=False, on_step=lambda state: state.step == 10 and print("ready", flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT to another process")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_a_killed_run_leaves_the_last_checkpoint_whole(tmp_path, how):
    command = [sys.executable, "-c", ENDLESS, tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, how))
    said = process.communicate(timeout=600)[1]
    assert (b"KeyboardInterrupt" in said) == (how == "SIGINT")
    step = load_weights(tmp_path, nn.Linear(2, 1))
    assert step >= 9
    assert step % 3 == 0
    assert len(list(tmp_path.iterdir())) == 2 or how == "SIGKILL"


@pytest.mark.parametrize("moved", [0, 1])
def test_what_a_kill_left_behind_goes_with_the_next_checkpoint(tmp_path, monkeypatch, moved):
    run(checkpoint=tmp_path)
    real, calls = os.replace, []

    def killed(*files):
        calls.append(files)
        return real(*files) if len(calls) <= moved else 1 / 0

    with monkeypatch.context() as patch:  # a killed process cleans nothing up
        patch.setattr(training_files.shutil, "rmtree", lambda *arguments, **keywords: None)
        patch.setattr(training_files.Path, "unlink", lambda *arguments, **keywords: None)
        patch.setattr(training_files.os, "replace", killed)
        with pytest.raises(ZeroDivisionError):
            run(checkpoint=tmp_path, steps=6)
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 2 + moved
    (left,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert len(list(left.iterdir())) == 3 - moved
    assert load_weights(tmp_path, net()) == 12
    run(checkpoint=tmp_path, steps=7)
    assert load_weights(tmp_path, net()) == 7
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(os.name != "posix", reason="the signal is SIGKILL")
def test_two_runs_in_one_folder_are_one_too_many(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    for act in (lambda: run(checkpoint=tmp_path), lambda: training_files.write_checkpoint(tmp_path, {"step": 1}, {})):
        with pytest.raises(ValueError, match="Another run is writing its checkpoints in .*: wait for its end, or name"):
            act()
    assert load_weights(tmp_path, nn.Linear(2, 1)) >= 9  # it may be read meanwhile
    process.kill()
    process.communicate()
    run(checkpoint=tmp_path)
    assert load_weights(tmp_path, net()) == 12


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left (error 28)")])
def test_a_full_disk_is_named_and_the_checkpoint_before_stays(tmp_path, monkeypatch, error):
    def full(*arguments):
        raise error

    run(checkpoint=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(training_files.safetensors.torch, "save_file", full)
        with pytest.raises(OSError, match="checkpoint of step 6 could not be written in .*No space left.*: make room"):
            run(checkpoint=tmp_path, steps=6)
    assert load_weights(tmp_path, net()) == 12
    assert len(list(tmp_path.iterdir())) == 2


def test_one_flipped_bit_is_damage(tmp_path):
    model, _ = run(checkpoint=tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        for place in range(0, len(whole), 131):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
            with pytest.raises(ValueError, match="is damaged or cut off: delete the folder"):
                run(checkpoint=tmp_path, resume=True)
        file.write_bytes(whole)
    file.write_bytes(whole[:-512] + bytes(512))
    with pytest.raises(ValueError, match="is damaged"):
        load_weights(tmp_path, net())


def test_a_checkpoint_that_is_cut_off_is_named(tmp_path):
    run(checkpoint=tmp_path)
    record = tmp_path / "checkpoint.json"
    (tensors,) = tmp_path.glob("*.safetensors")
    whole, text = tensors.read_bytes(), record.read_text()
    for size in (0, 4, 40, len(whole) // 2, len(whole) - 1):
        tensors.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"\.safetensors is damaged or cut off: delete"):
            run(checkpoint=tmp_path, resume=True)
    tensors.unlink()
    with pytest.raises(ValueError, match="safetensors is not there: delete the folder"):
        load_weights(tmp_path, net())
    tensors.write_bytes(whole)
    for broken in ("", text[: len(text) // 2], "[]", "{}"):
        record.write_text(broken)
        with pytest.raises(ValueError, match=r"checkpoint\.json is damaged or cut off"):
            run(checkpoint=tmp_path, resume=True)
    record.unlink()
    with pytest.raises(FileNotFoundError, match=r"checkpoint\.json is missing"):
        load_weights(tmp_path, net())


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (lambda: net(hidden=H + 1), r"its 0.bias is \(5,\) and this model's \(6,\)"),
        (lambda: nn.Sequential(*net(), nn.Linear(1, 1)), r"its 4.bias is none and this model's \(1,\)"),
        (lambda: nn.Sequential(nn.Linear(I, H)), r"its 3.bias is \(1,\) and this model's none"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(tmp_path, other, sentence):
    run(checkpoint=tmp_path)
    model = other()
    before = weights(model)
    for act in (lambda: run(model, checkpoint=tmp_path, resume=True), lambda: load_weights(tmp_path, model)):
        with pytest.raises(ValueError, match=f"of another model, {sentence}"):
            act()
    assert weights(model) == before


def test_a_run_of_other_settings_or_less_data_is_not_resumed(tmp_path):
    run(checkpoint=tmp_path, steps=np.int64(5))
    with pytest.raises(ValueError, match="learning_rate=0.1 .* must be 0.05 again: with it the checkpoint"):
        run(checkpoint=tmp_path, steps=5, learning_rate=0.1, warmup_steps=3, resume=True)  # the first is named
    run(checkpoint=tmp_path, steps=5, evaluate_every=2, checkpoint_every=2, held_out=[(X, Y)], resume=True)
    model = net(8)
    before = weights(model)
    with pytest.raises(ValueError, match="batches=1 cannot be used: batches must be the 5 or more"):
        run(model, batches=[(X, Y)], checkpoint=tmp_path, steps=5, resume=True)
    assert weights(model) == before


def test_places_that_hold_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="checkpoint=None .* a folder, for resume=True"):
        run(resume=True)
    file = tmp_path / "file"
    file.write_text("")
    steps = []
    for place, sentence in ((file, "is a file"), (file / "in", r"can be written in .*in \(.+\): name another folder")):
        with pytest.raises(ValueError, match=sentence):
            run(checkpoint=place, on_step=steps.append)
    assert not steps  # said before the work, not after it
    alone = weights(run()[0])
    assert weights(run(checkpoint=tmp_path / "new", resume=True)[0]) == alone  # nothing there yet: from the beginning
