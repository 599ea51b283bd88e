"""The trainer on real little trainings: accuracy, early stopping, accumulation, resuming bit for bit, Ctrl-C."""

import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import digits_run
import pytest
from digits_run import IMAGES, LABELS, loaders, outcome, trainer

import tensorcore as tc
from tensorcore import train
from tensorcore.nn import functional as F


class Recorder(train.Callback):
    def __init__(self):
        self.events = []

    def on_fit_start(self, trainer):
        self.events.append("start")

    def on_epoch_start(self, trainer):
        self.events.append(("epoch", trainer.epoch, trainer.batches))

    def on_step(self, trainer):
        self.events.append(("step", trainer.step, trainer.last_loss, trainer.lr))

    def on_epoch_end(self, trainer, row):
        self.events.append(("end", row["epoch"]))

    def on_fit_end(self, trainer):
        self.events.append("finish")


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


def weights(model):
    return {name: x.tolist() for name, x in model.state_dict().items()}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_digits_are_learned(device):
    size = 1400 if device == "cpu" else 300
    run = trainer(device=device, schedule=None, metrics=[train.Accuracy(), train.F1(), train.ConfusionMatrix()])
    assert all(p.device.type == device for p in run.model.parameters())
    history = run.fit(*loaders(size, 300, batch_size=64), epochs=12 if device == "cpu" else 8)
    last = history[-1]
    assert last["validation_accuracy"] > (0.95 if device == "cpu" else 0.8)
    assert last["loss"] < history[0]["loss"] / 2
    assert last["accuracy"] > history[0]["accuracy"]
    assert sum(map(sum, last["validation_confusionmatrix"])) == 300
    assert 0 < last["validation_f1"] <= 1
    assert last["step"] == len(history) * math.ceil(size / 64)
    assert run.evaluate(loaders(size, 300)[1])["accuracy"] == last["validation_accuracy"]


def test_fit_does_what_a_loop_by_hand_does():
    run = trainer(schedule=None)
    run.fit(loaders()[0], epochs=2)
    model = digits_run.model()
    optimizer = tc.optim.Adam(model.parameters(), lr=0.01)
    loader = loaders()[0]
    for _ in range(2):
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert weights(run.model) == weights(model)


def test_evaluate_and_predict():
    run = trainer()
    run.model.train()
    _, loader = loaders(100, 250)
    values = run.evaluate(loader)
    output = run.predict(loader)
    assert run.model.training
    run.model.eval()
    with tc.no_grad():
        expected = run.model(IMAGES[100:350])
    assert output.tolist() == expected.tolist()
    assert not output.requires_grad
    labels = LABELS[100:350]
    assert math.isclose(values["loss"], F.cross_entropy(expected, labels).item(), rel_tol=1e-5)
    assert values["accuracy"] == float((expected.argmax(axis=1) == labels).astype(tc.float64).mean())
    for batches in ([IMAGES[:3]], [(IMAGES[:2],), (IMAGES[2:3],)]):
        assert run.predict(batches).shape == (3, 10)
    with pytest.raises(ValueError, match="no batches"):
        run.predict([])


def test_predict_joins_several_outputs():
    class Two(tc.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = tc.nn.Parameter(tc.ones(()))

        def forward(self, x):
            return x * self.scale, x.sum(axis=1)

    model = Two()
    run = train.Trainer(model, tc.optim.SGD(model.parameters(), lr=1), F.mse_loss, progress=False)
    first, second = run.predict([tc.ones((2, 3)), tc.zeros((1, 3))])
    assert first.shape == (3, 3)
    assert second.tolist() == [3, 3, 0]


def test_callbacks_are_called_in_order():
    record = Recorder()
    trainer(callbacks=[record]).fit(*loaders(64), epochs=2)
    kinds = [e if isinstance(e, str) else e[0] for e in record.events]
    assert kinds == ["start", *["epoch", "step", "step", "end"] * 2, "finish"]
    assert record.events[1] == ("epoch", 0, 2)
    assert all(0 < e[2] < 10 for e in record.events if e[0] == "step")


@pytest.mark.parametrize(("size", "batch"), [(96, 8), (90, 7), (20, 32)])
def test_accumulated_batches_equal_one_large_batch(size, batch):
    """In float64: three batches per step, the last ones smaller, weigh as their samples do."""
    got = []
    for per_step in (1, 3):
        model = digits_run.model(p=0).to(tc.float64)
        x, y = IMAGES[:size].astype(tc.float64), LABELS[:size]
        each = batch * 3 // per_step
        batches = [(x[i : i + each], y[i : i + each]) for i in range(0, size, each)]
        optimizer = tc.optim.SGD(model.parameters(), lr=0.5)
        settings = {"schedule": None, "accumulate": per_step, "clip_norm": 0.5, "metrics": ()}
        run = trainer(network=model, optimizer=optimizer, **settings)
        run.fit(batches, epochs=3)
        assert run.step == 3 * math.ceil(size / (3 * batch))
        got.append((model, run.history))
    (one, history), (three, history3) = got
    for a, b in zip(one.parameters(), three.parameters(), strict=True):
        assert float(abs(a - b).max()) < 1e-14
    assert all(math.isclose(a["loss"], b["loss"], rel_tol=1e-13) for a, b in zip(history, history3, strict=True))


def test_summed_losses_are_summed_over_accumulated_batches():
    x, y = IMAGES[:40].astype(tc.float64), LABELS[:40]
    results = []
    for batches in ([(x, y)], [(x[:30], y[:30]), (x[30:], y[30:])]):
        model = digits_run.model(p=0).to(tc.float64)
        optimizer = tc.optim.SGD(model.parameters(), lr=0.01)
        loss = tc.nn.CrossEntropyLoss(reduction="sum")
        run = train.Trainer(model, optimizer, loss, accumulate=len(batches), progress=False)
        results.append((run.fit(batches, epochs=1)[0]["loss"], weights(model)))
    assert math.isclose(results[0][0], results[1][0], rel_tol=1e-13)
    assert 1 < results[0][0] < 4  # per sample
    for name, value in results[0][1].items():
        assert float(abs(tc.asarray(value) - tc.asarray(results[1][1][name])).max()) < 1e-6


@pytest.mark.parametrize("clip", ["clip_norm", "clip_value"])
def test_gradients_are_clipped(clip):
    model = digits_run.model(p=0)
    before = weights(model)
    run = trainer(network=model, optimizer=tc.optim.SGD(model.parameters(), lr=1.0), schedule=None, **{clip: 0.01})
    run.fit([(100 * IMAGES[:50], LABELS[:50])], epochs=1)
    changes = [abs(tc.asarray(v) - tc.asarray(before[k])).reshape((-1,)) for k, v in weights(model).items()]
    change = tc.concat(changes).astype(tc.float64)
    size = float((change * change).sum()) ** 0.5 if clip == "clip_norm" else float(change.max())
    assert math.isclose(size, 0.01, rel_tol=1e-3)


@pytest.mark.parametrize(("per", "count"), [("epoch", 3), ("step", 12)])
def test_schedules_step_per_epoch_or_step(per, count):
    run = trainer(schedule_per=per)
    history = run.fit(loaders(100)[0], epochs=3)
    assert run.schedule.last_epoch == count
    assert math.isclose(run.lr, 0.01 * 0.9**count)
    assert [row["lr"] for row in history] == sorted((row["lr"] for row in history), reverse=True)


def test_a_plateau_schedule_is_given_the_monitored_value():
    model = digits_run.model()
    optimizer = tc.optim.SGD(model.parameters(), lr=0.0)  # nothing is learned
    optimizer.param_groups[0]["lr"] = 1e-30
    plateau = tc.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=1, eps=0)
    run = trainer(network=model, optimizer=optimizer, schedule=plateau, monitor="validation_accuracy")
    history = run.fit(*loaders(64), epochs=6)
    assert plateau.best == history[0]["validation_accuracy"] == history[5]["validation_accuracy"]
    assert [row["lr"] for row in history] == pytest.approx([1e-30, 1e-30, 1e-30, 5e-31, 5e-31, 2.5e-31], abs=0)
    assert run.mode == "max"
    with pytest.raises(ValueError, match="ReduceLROnPlateau wants a value, which there is per epoch alone"):
        trainer(network=model, optimizer=optimizer, schedule=plateau, schedule_per="step")


def test_early_stopping_restores_the_best_weights():
    """Learning rates far too high from the third epoch on: it can only get worse."""

    model = digits_run.model()
    optimizer = tc.optim.SGD(model.parameters(), lr=0.3)
    schedule = tc.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 if epoch < 2 else 100)
    run = trainer(network=model, optimizer=optimizer, schedule=schedule, patience=3, monitor="validation_accuracy")
    history = run.fit(*loaders(), epochs=30)
    scores = [row["validation_accuracy"] for row in history]
    best = scores.index(max(scores))
    assert len(history) == best + 1 + 3 < 30
    assert run.stop_reason == "no better validation_accuracy in 3 epochs"
    assert (run.best.epoch, run.best.score) == (best + 1, scores[best])
    assert run.evaluate(loaders()[1])["accuracy"] == scores[best] > scores[-1]
    assert run.fit(*loaders(), epochs=30) is history  # it has stopped, also when asked again
    assert len(history) == best + 4


def test_min_delta_is_what_counts_as_better():
    run = trainer(patience=1, min_delta=100.0, schedule=None)
    assert len(run.fit(*loaders(64), epochs=9)) == 2
    assert run.best.epoch == 1


def test_a_loss_that_is_no_number_is_named_before_it_does_harm():
    run = trainer(schedule=None)
    bad = [(IMAGES[:8], LABELS[:8])] * 3 + [(IMAGES[:8] * float("nan"), LABELS[:8])]
    with pytest.raises(train.NonFiniteLossError, match=r"the loss of step 4 \(epoch 1\) is nan") as caught:
        run.fit(bad, epochs=1)
    assert caught.value.step == 4
    assert all(bool(tc.isfinite(p).all()) for p in run.model.parameters())


def test_a_loss_that_is_no_number_is_found_on_cuda(tmp_path):
    run = trainer(tmp_path / "run", schedule=None, device="cuda")
    bad = [(IMAGES[:8], LABELS[:8])] * 3 + [(IMAGES[:8] * float("inf"), LABELS[:8])]
    with pytest.raises(train.NonFiniteLossError, match=r"the loss of step 4 \(epoch 1\) is nan"):
        run.fit(bad, epochs=1)
    assert run.checkpoints.latest() is None  # nothing of it was kept


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


# ---- wrong use ----


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"accumulate": 0}, "accumulate must be an int of at least 1, got 0"),
        ({"patience": 1.5}, "patience must be"),
        ({"checkpoint_every": 0}, "checkpoint_every must be"),
        ({"clip_norm": 0}, "clip_norm must be positive"),
        ({"clip_value": float("nan")}, "clip_value must be positive"),
        ({"schedule_per": "batch"}, "schedule_per must be one of"),
        ({"mode": "best"}, "mode must be one of"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_wrong_settings_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        trainer(**settings)


def test_wrong_batches_and_monitors_are_refused():
    with pytest.raises(TypeError, match="the batch has no target"):
        trainer().fit([IMAGES[:3]], epochs=1)
    with pytest.raises(TypeError, match=r"got dict; override unpack"):
        trainer().fit([{"x": 1}], epochs=1)
    with pytest.raises(ValueError, match="the loader has no batches"):
        trainer().fit([], epochs=1)
    with pytest.raises(ValueError, match="monitor must be one of loss, accuracy, got 'validation_loss'"):
        trainer(monitor="validation_loss").fit(loaders()[0], epochs=1)
    with pytest.raises(TypeError, match="confusionmatrix cannot judge an epoch"):
        trainer(monitor="confusionmatrix", metrics=[train.ConfusionMatrix()]).fit(loaders(64)[0], epochs=1)


def test_batches_of_other_kinds_are_unpacked_by_a_subclass():
    class Named(train.Trainer):
        def unpack(self, batch):
            return (batch["image"],), batch["label"]

    model = digits_run.model()
    run = Named(model, tc.optim.Adam(model.parameters()), F.cross_entropy, progress=False)
    run.fit([{"image": IMAGES[:9], "label": LABELS[:9]}], epochs=2)
    assert run.step == 2


def test_an_optimizer_left_on_another_device_is_refused():
    model = digits_run.model()
    optimizer = tc.optim.SGD([tc.zeros(3).requires_grad_()], lr=1)
    with pytest.raises(ValueError, match="the model is on cuda:0, a parameter of the optimizer on cpu"):
        train.Trainer(model, optimizer, F.cross_entropy, device="cuda")
