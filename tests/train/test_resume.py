"""A run that was stopped, interrupted or killed goes on with the bits of one that never was."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import digits_run
import pytest
from digits_run import loaders, outcome, trainer

import tensorcore as tc
from tensorcore import train


class StopAt(train.Callback):
    """Stops after some steps: to the trainer, what an interrupt is."""

    def __init__(self, *steps):
        self.steps = steps

    def on_step(self, trainer):
        if trainer.step in self.steps:
            trainer.stop("enough")


class Fail(train.Callback):
    """Raises at a step, as a killed process would end there: no checkpoint is written."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer):
        if trainer.step == self.step:
            raise OSError("the machine is gone")


# ---- resuming ----

WHOLE = {}


def whole(epochs=3, **settings):
    """What an uninterrupted run gives."""
    key = str(sorted(settings.items()))
    if key not in WHOLE:
        run = trainer(**recipe(settings.pop("recipe", None)), **settings)
        run.fit(*loaders(), epochs=epochs)
        WHOLE[key] = outcome(run)
    return WHOLE[key]


class Unaware:
    """A loader that cannot say where it is."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        return iter(self.loader)


def recipe(name):
    """Optimizer and schedule: a new one for each run."""
    if name is None:
        return {}
    network = digits_run.model()
    if name == "cycle":
        optimizer = tc.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        schedule = tc.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=50)
        return {"network": network, "optimizer": optimizer, "schedule": schedule, "schedule_per": "step"}
    optimizer = tc.optim.AdamW(network.parameters(), lr=0.01)
    schedule = tc.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    return {"network": network, "optimizer": optimizer, "schedule": schedule}


SETTINGS = {
    "plain": {},
    "per step": {"schedule_per": "step"},
    "cycle": {"recipe": "cycle"},
    "plateau": {"recipe": "plateau"},
    "accumulated": {"accumulate": 3},
    "patience": {"patience": 2},
}


@pytest.mark.parametrize("steps", [[1], [13], [14, 27], [5, 6, 20], [39]])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path, kind, steps):
    expected = whole(**SETTINGS[kind])
    settings = dict(SETTINGS[kind])
    name = settings.pop("recipe", None)
    for number, step in enumerate([*steps, None]):
        run = trainer(tmp_path, callbacks=[StopAt(step)], **recipe(name), **settings)
        if number:
            tc.manual_seed(number)  # what was drawn in this process must not matter
        run.fit(*loaders(num_workers=2 * (number % 2)), epochs=3, resume=True)
    assert outcome(run) == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path, seed):
    rng = random.Random(seed)
    expected = whole(schedule_per="step")
    every = rng.randint(1, 5)
    failed = 0
    step = 0
    while step is not None:
        step = step + rng.randint(every, 15)
        run = trainer(tmp_path, callbacks=[Fail(step)], schedule_per="step", checkpoint_every=every)
        try:
            run.fit(*loaders(), epochs=3, resume=True)
        except OSError:
            failed += 1
        else:
            step = None
    assert failed >= 2
    assert outcome(run) == expected


def test_a_loader_that_cannot_say_where_it_is_can_be_resumed(tmp_path):
    run = trainer()
    run.fit(Unaware(loaders()[0]), loaders()[1], epochs=3)
    expected = outcome(run)
    for step in (6, 20, None):
        run = trainer(tmp_path, callbacks=[StopAt(step)])
        run.fit(Unaware(loaders()[0]), loaders()[1], epochs=3, resume=True)
        tc.random.rand(3)
    assert outcome(run) == expected


@pytest.mark.parametrize("kind", ["aware", "unaware"])
def test_fit_goes_on_in_the_same_process(tmp_path, kind):
    wrap = Unaware if kind == "unaware" else (lambda loader: loader)
    train_loader, validation = loaders()
    run = trainer()
    run.fit(wrap(train_loader), validation, epochs=3)
    expected = outcome(run)
    train_loader, validation = loaders()
    run = trainer(callbacks=[StopAt(5, 13, 30)])
    for _ in range(4):
        run.fit(wrap(train_loader), validation, epochs=3)
    assert outcome(run) == expected


def test_control_c_between_epochs_ends_there(tmp_path):
    class AtTheEnd(train.Callback):
        def on_epoch_end(self, trainer, row):
            os.kill(os.getpid(), signal.SIGINT)

    run = trainer(tmp_path, callbacks=[AtTheEnd()])
    run.fit(*loaders(64), epochs=2)
    assert (run.epoch, run.batch, run.stop_reason) == (1, 0, "interrupted")
    run.fit(*loaders(64), epochs=2)
    assert (run.epoch, run.stop_reason) == (2, "")  # there was nothing left to interrupt


def test_a_finished_run_is_restored_not_repeated(tmp_path):
    run = trainer(tmp_path)
    run.fit(*loaders(), epochs=2)
    other = trainer(tmp_path)
    other.fit(*loaders(), epochs=2, resume=True)
    assert outcome(other) == outcome(run)
    other.fit(*loaders(), epochs=3, resume=True)
    assert other.epoch == 3


def test_a_run_goes_on_on_another_device(tmp_path):
    trainer(tmp_path, patience=3).fit(*loaders(64), epochs=1)
    run = trainer(tmp_path, patience=3, device="cuda")
    run.fit(*loaders(64), epochs=2, resume=True)
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert all(p.device.type == "cuda" for p in run.model.parameters())


def test_the_best_checkpoint_is_kept(tmp_path):
    checkpoints = train.Checkpoints(tmp_path, keep_last=1, mode="max")
    run = trainer(checkpoints, monitor="validation_accuracy")
    scores = [row["validation_accuracy"] for row in run.fit(*loaders(), epochs=5)]
    best = max(range(5), key=lambda i: (scores[i], i))
    assert checkpoints.best().name == f"step-{13 * (best + 1):010d}.safetensors"
    assert float(tc.load_metadata(checkpoints.best())["score"]) == max(scores)


def test_extra_state_is_restored(tmp_path):
    generator = tc.Generator(3)
    run = trainer(tmp_path, extra={"noise": generator})
    tc.random.rand(5, generator=generator)
    state = generator.get_state()
    run.fit(loaders(64)[0], epochs=1)
    generator = tc.Generator(0)
    trainer(tmp_path, extra={"noise": generator}).fit(loaders(64)[0], epochs=1, resume=True)
    assert generator.get_state() == state


def test_what_does_not_fit_is_refused_on_resume(tmp_path):
    trainer(tmp_path).fit(loaders(64)[0], epochs=1)
    nn = tc.nn
    wide = nn.Sequential(nn.Linear(64, 33), nn.ReLU(), nn.Dropout(0.2), nn.Linear(33, 10))
    with pytest.raises(ValueError, match=r"0\.weight: shape \(32, 64\) in the checkpoint, \(33, 64\) now"):
        trainer(tmp_path, network=wide).fit(loaders(64)[0], epochs=2, resume=True)
    model = digits_run.model()
    with pytest.raises(ValueError, match="optimizer was a Adam, now it is a SGD"):
        trainer(tmp_path, network=model, optimizer=tc.optim.SGD(model.parameters(), lr=1)).fit(
            loaders(64)[0], epochs=2, resume=True
        )
    with pytest.raises(ValueError, match="metrics are none, in the checkpoint accuracy"):
        trainer(tmp_path, metrics=()).fit(loaders(64)[0], epochs=2, resume=True)
    with pytest.raises(ValueError, match="resume needs checkpoints"):
        trainer().fit(loaders(64)[0], epochs=2, resume=True)


# ---- signals ----


def program(folder, *args):
    script = Path(__file__).with_name("digits_run.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder), *map(str, args)], capture_output=True, text=True, timeout=120
    )
    if "SIGKILL" in args:
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        return None
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_process_that_was_interrupted_or_killed_goes_on_with_the_same_bits(tmp_path):
    stopped = program(tmp_path / "interrupted", "SIGINT", 17)
    assert stopped["why"] == "interrupted"
    assert stopped["step"] == 17
    assert len(stopped["history"]) == 1
    expected = program(tmp_path / "whole")
    assert expected["step"] == 39
    assert program(tmp_path / "interrupted") == expected
    step = random.randint(1, 25)
    program(tmp_path / "killed", "SIGKILL", step)
    program(tmp_path / "killed", "SIGKILL", step + 11)
    assert program(tmp_path / "killed") == expected, step


def test_control_c_in_validation_is_done_again(tmp_path):
    class Interrupting(tc.data.DataLoader):
        """A validation loader during which Ctrl-C comes, once."""

        is_armed = True

        def __iter__(self):
            for batch in super().__iter__():
                if self.is_armed:
                    self.is_armed = False
                    os.kill(os.getpid(), signal.SIGINT)
                yield batch

    Interrupting.__name__ = "DataLoader"
    expected = whole()
    train_loader, validation = loaders()
    run = trainer(tmp_path)
    run.fit(train_loader, Interrupting(validation.dataset, batch_size=100), epochs=3)
    assert run.stop_reason == "interrupted"
    assert (run.epoch, run.step, run.history) == (0, 13, [])
    assert run.evaluate(validation)["accuracy"] > 0  # the interrupt is over
    run = trainer(tmp_path)
    run.fit(*loaders(), epochs=3, resume=True)
    assert outcome(run) == expected


def test_a_second_control_c_ends_at_once(tmp_path):
    class Twice(digits_run.Send):
        def on_step(self, trainer):
            super().on_step(trainer)
            super().on_step(trainer)

    with pytest.raises(KeyboardInterrupt):
        trainer(callbacks=[Twice("SIGINT", 2)]).fit(*loaders(), epochs=1)
