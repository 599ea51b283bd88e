"""Logs parse, pictures are pictures, the table says what the history says, heavy libraries stay out until asked for."""

import json
import math
import re
import subprocess
import sys

import pytest
from digits_run import loaders, trainer

from tensorcore import train


@pytest.fixture
def history():
    return [
        {"epoch": e, "step": 10 * e, "loss": 1 / e, "accuracy": 1 - 1 / e, "validation_loss": 2 / e, "lr": 0.1}
        for e in (1, 2, 3)
    ]


def test_json_log_parses_and_agrees_with_the_history(tmp_path):
    path = tmp_path / "deep" / "log.jsonl"
    run = trainer(callbacks=[train.JsonLog(path, every=5)], metrics=[train.Accuracy(), train.F1(None)])
    history = run.fit(*loaders(), epochs=2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "start",
        "step",
        "step",
        "epoch",
        "step",
        "step",
        "step",
        "epoch",
        "end",
    ]
    assert [line["step"] for line in lines if line["event"] == "step"] == [5, 10, 15, 20, 25]
    assert [{k: v for k, v in row.items() if k != "event"} for row in train.read_log(path)] == history
    assert len(train.read_log(path, "step")) == 5


def test_a_resumed_run_replaces_what_it_repeats(tmp_path):
    path = tmp_path / "log.jsonl"
    for epochs in (2, 3):
        trainer(tmp_path / "run", callbacks=[train.JsonLog(path, every=13)]).fit(*loaders(), epochs=epochs, resume=True)
    trainer(callbacks=[train.JsonLog(path, every=13)]).fit(*loaders(), epochs=1)
    assert [row["epoch"] for row in train.read_log(path)] == [1, 2, 3]
    assert [row["step"] for row in train.read_log(path, "step")] == [13, 26, 39]
    assert len(train.read_log(path, "end")) == 3


def test_numbers_that_json_has_not_are_null(tmp_path):
    log = train.JsonLog(tmp_path / "log")
    run = trainer(progress=False)
    log.on_fit_start(run)
    log.on_epoch_end(run, {"epoch": 1, "step": 1, "loss": math.nan, "f1": [1.0, math.inf]})
    log.on_fit_end(run)
    (row,) = train.read_log(tmp_path / "log")
    assert (row["loss"], row["f1"]) == (None, [1.0, None])
    with open(tmp_path / "log", "a") as file:
        file.write("{half")
    with pytest.raises(ValueError, match="line 4 is not JSON"):
        train.read_log(tmp_path / "log")


def test_tensorboard_events_hold_the_history(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import RecordWriter  # noqa: F401 - the format below is what it writes

    history = trainer(callbacks=[train.TensorBoard(tmp_path, every=5)]).fit(*loaders(), epochs=2)
    (path,) = tmp_path.glob("events.out.tfevents.*")
    data, found = path.read_bytes(), {}
    while data:  # records: length in 8 bytes, 4 of checksum, the event, 4 of checksum
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
        data = data[16 + length :]
    for tag, name in (("loss/train", "loss"), ("loss/validation", "validation_loss"), ("lr/train", "lr")):
        assert [step for step, _ in found[tag]] == [13, 26]
        assert [v for _, v in found[tag]] == pytest.approx([row[name] for row in history], rel=1e-6)
    assert [step for step, _ in found["step/loss"]] == [5, 10, 15, 20, 25]


def test_curves_are_a_picture(tmp_path, history):
    pytest.importorskip("matplotlib")
    train.plot_curves(history, tmp_path / "curves.png")
    data = (tmp_path / "curves.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert width > 2 * height  # two charts side by side
    trainer(callbacks=[train.Curves(tmp_path / "run.svg")]).fit(*loaders(64), epochs=2)
    assert "<svg" in (tmp_path / "run.svg").read_text()
    with pytest.raises(ValueError, match="the history is empty"):
        train.plot_curves([], tmp_path / "none.png")


def test_the_table_says_what_the_history_says():
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    run = trainer(callbacks=[train.Display(Console(file=out, width=200))], patience=1, min_delta=10.0)
    history = run.fit(*loaders(), epochs=5)
    head, *rows, stopped, best = out.getvalue().rstrip().splitlines()
    assert head.split() == [name for name in history[0] if name != "step"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert float(rows[1].split()[1]) == pytest.approx(history[1]["loss"], abs=1e-4)
    assert stopped == "stopped after epoch 2, step 26: no better validation_loss in 1 epochs"
    assert re.fullmatch(r"best validation_loss: \d\.\d+ in epoch 1", best)


def test_a_terminal_gets_a_progress_bar():
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    trainer(callbacks=[train.Display(console)]).fit(loaders()[0], epochs=1)
    assert "epoch 1/1" in out.getvalue()


CODE = """
import sys
import tensorcore as tc
from tensorcore import train
heavy = [m for m in ("numpy", "rich", "matplotlib", "tensorboardX", "safetensors") if m in sys.modules]
assert not heavy, heavy
for name in ("matplotlib", "tensorboardX"):
    sys.modules[name] = None  # as if it were not there
for call in (lambda: train.plot_curves([{"epoch": 1, "loss": 1.0}], "x.png"), lambda: train.TensorBoard("x")):
    try:
        call()
    except ImportError as error:
        print(error)
import digits_run
digits_run.trainer().fit(*digits_run.loaders(64), epochs=1)
assert "numpy" not in sys.modules
"""


def test_heavy_libraries_stay_out_and_their_absence_is_explained(tmp_path):
    from pathlib import Path

    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{CODE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "plot_curves: needs matplotlib, which the extra [plots] of tensorcore has" in done.stdout
    assert "TensorBoard: needs tensorboardX, which the extra [logs] of tensorcore has" in done.stdout
