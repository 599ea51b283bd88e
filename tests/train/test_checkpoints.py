"""Checkpoints: what they hold, which are kept, what is refused, and that a killed process loses nothing."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import train


class Model:
    """A stand-in: parameters and state_dict, as nn.Module has."""

    def __init__(self, size=3):
        self.weight = tc.zeros(size)

    def parameters(self):
        return [self.weight]

    def state_dict(self):
        return {"weight": self.weight}

    def load_state_dict(self, state):
        self.weight = state["weight"]


class Counter:
    def __init__(self):
        self.count = 0

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def test_parts_data_and_generators_come_back(tmp_path):
    checkpoints = train.Checkpoints(tmp_path / "deep" / "run")
    model, counter, generator = Model(), Counter(), tc.Generator(5)
    assert checkpoints.latest() is checkpoints.best() is None
    assert checkpoints.restore(model=model) is None
    model.weight, counter.count = tc.arange(3.0), 4
    tc.random.rand(7, generator=generator)
    tc.manual_seed(3), random.seed(3), np.random.seed(3)
    path = checkpoints.save(12, model=model, counter=counter, g=generator, epoch=2, notes=["a", (None, 1.5)])
    drawn = tc.random.rand(2).tolist(), random.random(), np.random.rand(), tc.random.rand(2, generator=generator)
    model, counter, generator = Model(), Counter(), tc.Generator(0)
    data = checkpoints.restore(model=model, counter=counter, g=generator)
    assert data == {"step": 12, "epoch": 2, "notes": ["a", (None, 1.5)]}
    assert model.weight.tolist() == [0, 1, 2]
    assert counter.count == 4
    again = tc.random.rand(2).tolist(), random.random(), np.random.rand(), tc.random.rand(2, generator=generator)
    assert drawn[:3] == again[:3]
    assert drawn[3].tolist() == again[3].tolist()
    assert train.restore(path)["step"] == 12
    assert tc.load(path)["parts"]["model"]["weight"].tolist() == [0, 1, 2]


def steps(checkpoints):
    return [int(p.name[5:15]) for p in checkpoints.paths()]


@pytest.mark.parametrize(("mode", "kept"), [("min", [2, 5, 7, 8]), ("max", [1, 4, 7, 8])])
def test_the_last_and_the_best_are_kept(tmp_path, mode, kept):
    checkpoints = train.Checkpoints(tmp_path, keep_last=2, keep_best=2, mode=mode)
    for step, score in enumerate([9, 1, 5, 8, 1, 4, float("nan"), None], start=1):
        checkpoints.save(step, score=score)
    assert steps(checkpoints) == kept
    assert checkpoints.latest() == tmp_path / "step-0000000008.safetensors"
    assert checkpoints.best() == tmp_path / f"step-{5 if mode == 'min' else 1:010d}.safetensors"
    (tmp_path / "step-1.safetensors").touch()  # not ours
    (tmp_path / ".step-0000000009.safetensors.tmp-1-x").touch()  # left by a killed process
    checkpoints.save(9)
    assert steps(checkpoints) == [*kept[:2], 8, 9]
    assert (tmp_path / "step-1.safetensors").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    checkpoints = train.Checkpoints(tmp_path)
    for step in (1, 2):
        path = checkpoints.save(step, model=Model())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match=r"passed over: load_metadata: .*step-0000000002"):
        assert checkpoints.restore()["step"] == 1
    with pytest.raises(ValueError, match=r"step-0000000002"):
        checkpoints.restore(path)


def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path):
    checkpoints = train.Checkpoints(tmp_path)
    counter = Counter()
    counter.count = 3
    checkpoints.save(1, model=Model(3), counter=counter)
    model, counter = Model(4), Counter()
    with pytest.raises(ValueError, match=r"step-0000000001(.|\n)*weight: shape \(3,\) in the checkpoint, \(4,\) now"):
        checkpoints.restore(counter=counter, model=model)
    assert counter.count == 0
    assert model.weight.shape == (4,)
    with pytest.raises(ValueError, match="no 'optimizer' in it, only model, counter"):
        checkpoints.restore(optimizer=counter)
    with pytest.raises(ValueError, match="counter was a Counter, now it is a Model"):
        checkpoints.restore(counter=model)
    with pytest.raises(TypeError, match="counter is a int"):
        checkpoints.restore(counter=3)

    class Other(Model):
        def state_dict(self):
            return {"bias": self.weight}

    Other.__name__ = "Model"
    with pytest.raises(ValueError, match=r"bias: not in the checkpoint\n  weight: only in the checkpoint"):
        checkpoints.restore(model=Other())


def test_versions(tmp_path):
    checkpoints = train.Checkpoints(tmp_path)
    tc.save({}, tmp_path / "step-0000000001.safetensors", {"checkpoint": "99"})
    with pytest.raises(ValueError, match="has version 99, this release reads up to 1"):
        checkpoints.restore()
    for metadata in (None, {"checkpoint": "1"}, {"checkpoint": "one"}):
        tc.save({}, tmp_path / "step-0000000001.safetensors", metadata)
        with pytest.raises(ValueError, match=r"step-0000000001\.safetensors': the file is no checkpoint"):
            checkpoints.restore()


def test_wrong_settings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="keep_last"):
        train.Checkpoints(tmp_path, keep_last=0)
    with pytest.raises(ValueError, match="mode must be"):
        train.Checkpoints(tmp_path, mode="best")
    with pytest.raises(TypeError, match="path must be"):
        train.Checkpoints(3)
    checkpoints = train.Checkpoints(tmp_path)
    with pytest.raises(ValueError, match="step must be"):
        checkpoints.save(-1)
    with pytest.raises(ValueError, match="are taken"):
        checkpoints.save(1, random=3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_processes_killed_at_any_moment_lose_nothing(tmp_path):
    script = Path(__file__).with_name("killed_writer.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "run"), "200"], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps, torn = map(int, done.stdout.split())
    assert steps > 20
    assert torn > 20, f"only {torn} of 200 processes were killed while they wrote"
