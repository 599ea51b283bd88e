"""The trainer on real little trainings: accuracy, early stopping, accumulation, clipping, schedules, wrong use."""

import math

import digits_run
import pytest
from digits_run import IMAGES, LABELS, loaders, trainer

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


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize(("size", "batch"), [(96, 8), (90, 7), (40, 7), (20, 32)])
def test_accumulated_batches_equal_one_large_batch(size, batch, clip):
    """In float64: three batches per step, the last ones smaller, weigh as their samples do."""
    got = []
    for per_step in (1, 3):
        model = digits_run.model(p=0).to(tc.float64)
        x, y = IMAGES[:size].astype(tc.float64), LABELS[:size]
        each = batch * 3 // per_step
        batches = [(x[i : i + each], y[i : i + each]) for i in range(0, size, each)]
        optimizer = tc.optim.SGD(model.parameters(), lr=0.5)
        settings = {"schedule": None, "accumulate": per_step, "clip_norm": clip, "metrics": ()}
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
        ({"extra": {"model": tc.Generator()}}, "extra must not be named model"),
    ],
)
def test_wrong_settings_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        trainer(**settings)


def test_wrong_batches_and_monitors_are_refused():
    with pytest.raises(TypeError, match="extra 'note' is a str, which has no state"):
        trainer(extra={"note": "text"})
    with pytest.raises(TypeError, match="the batch has no target"):
        trainer().fit([IMAGES[:3]], epochs=1)
    with pytest.raises(TypeError, match=r"got dict; override unpack"):
        trainer().fit([{"x": 1}], epochs=1)
    with pytest.raises(ValueError, match="epochs must be an int of at least 1, got 0"):
        trainer().fit(loaders(64)[0], epochs=0)
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
