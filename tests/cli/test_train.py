"""`tensorcore train`, `predict` and `generate`: what they reach, write, refuse, and how they go on after Ctrl-C."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

import tensorcore as tc
from tensorcore import recipes
from tensorcore.data import NgramFeatures


def run(*args, folder=None):
    return subprocess.run(
        [sys.executable, "-m", "tensorcore", *args], capture_output=True, text=True, timeout=240, cwd=folder
    )


def accuracy(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return float(re.search(r"test accuracy ([\d.]+)%", done.stdout)[1])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("digits")
    assert accuracy(run("train", "digits", "--model", "mlp", folder=folder)) >= 97
    return folder / "runs" / "digits-mlp-1"


def test_a_run_leaves_its_folder(digits):
    names = {path.name for path in digits.iterdir()}
    assert names >= {"run.json", "log.jsonl", "model.safetensors", "test.json", "checkpoints"}
    assert len(tc.train.read_log(digits / "log.jsonl")) == 40
    assert json.loads((digits / "test.json").read_text())["accuracy"] >= 0.97
    tensors = tc.load(digits / "model.safetensors")
    assert tensors["layers.0.weight"].shape == (128, 64)


def test_cuda_reaches_the_same_accuracy(digits, tmp_path):
    there = accuracy(run("train", "digits", "--device", "cuda", "--out", str(tmp_path / "run")))
    here = 100 * json.loads((digits / "test.json").read_text())["accuracy"]
    assert abs(there - here) < 0.6  # of 359 digits: two


def test_convolutional_network(tmp_path):
    assert accuracy(run("train", "digits", "--model", "cnn", "--epochs", "10", folder=tmp_path)) >= 97


def test_what_does_not_fit_is_refused(digits, tmp_path):
    for args, status, text in (
        (("train", "digits", "--out", str(digits)), 1, "holds a run already"),
        (("train", "digits", "--resume", str(digits), "--epochs", "3"), 1, "begun with epochs 40"),
        (("train", "mnist", "--resume", str(digits)), 1, "is a run on digits"),
        (("train", "digits", "--resume", str(tmp_path)), 1, "has no run.json"),
        (("train", "digits", "--model", "rnn"), 1, "no model 'rnn', only mlp, cnn"),
        (("train", "digits", "--epochs", "0"), 2, "must be at least 1"),
        (("train", "digits", "--lr", "nan"), 2, "must be positive and finite"),
        (("train", "letters"), 2, "invalid choice"),
        (("train", "digits", "--device", "cuda:99"), 1, "device: 'cuda:99' does not exist"),
        (("predict", str(tmp_path), "x"), 1, "has no run.json"),
        (("generate", str(digits)), 1, "does not write text"),
        (("predict", str(digits), str(digits / "run.json")), 1, "is not a picture"),
    ):
        if args[0] == "predict" and "picture" in text:
            pytest.importorskip("PIL")
        done = run(*args, folder=tmp_path)
        assert (done.returncode, text in done.stderr) == (status, True), (args, done.stderr)
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_saves_and_resume_goes_on_exactly(digits, tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "tensorcore", "train", "digits", "--out", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        log = folder / "log.jsonl"
        if log.exists() and len(tc.train.read_log(log)) >= 2:
            break
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    assert f"--resume {folder}" in out
    assert not (folder / "model.safetensors").exists()
    done = run("predict", str(folder), "x")
    assert done.returncode == 1
    assert "is not finished" in done.stderr
    accuracy(run("train", "digits", "--resume", str(folder)))
    assert (folder / "model.safetensors").read_bytes() == (digits / "model.safetensors").read_bytes()


def test_the_same_bits_on_any_number_of_threads():
    losses = []
    before = tc.get_num_threads()
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            tc.manual_seed(0)
            recipe = recipes.find("digits")
            name, settings = recipe.settings("cnn")
            job = recipe.make("digits", name, settings.but(epochs=1, samples=256))
            optimizer = recipes.make_optimizer(job.model, settings)
            trainer = tc.train.Trainer(job.model, optimizer, job.loss, progress=False)
            losses.append(trainer.fit(job.train, job.validation, 1)[0]["loss"])
    finally:
        tc.set_num_threads(before)
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.parametrize("optimizer", recipes.recipe.OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["none", "cosine"])
def test_optimizers_and_schedules_by_name(optimizer, schedule):
    model = tc.models.MLP((4, 3, 2))
    settings = recipes.Settings(3, 8, 0.01, optimizer=optimizer, schedule=schedule, weight_decay=0.1)
    made = recipes.make_optimizer(model, settings)
    assert [group["weight_decay"] for group in made.param_groups] == [0.1, 0.0]
    assert [len(group["params"]) for group in made.param_groups] == [2, 2]
    following, per = recipes.make_schedule(made, settings, 5)
    assert per in ("step", "epoch")
    assert (following is None) == (schedule == "none")


@pytest.mark.parametrize("schedule", recipes.recipe.SCHEDULES)
def test_schedules_fall(schedule):
    settings = recipes.Settings(4, 8, 0.1, optimizer="sgd", schedule=schedule)
    made = recipes.make_optimizer(tc.models.MLP((4, 2)), settings)
    following, per = recipes.make_schedule(made, settings, 10)
    for _ in range(0 if following is None else 39 if per == "step" else 4):
        made.step()
        following.step(*([1.0] if schedule == "plateau" else []))
    assert made.param_groups[0]["lr"] <= 0.1
    if schedule in ("cosine", "one-cycle"):
        assert made.param_groups[0]["lr"] < 2e-4


def write_run(folder, data, model, config, network):
    folder.mkdir()
    settings = recipes.Settings(1, 1, 0.1).as_json()
    (folder / "run.json").write_text(json.dumps({"data": data, "model": model, "settings": settings, "config": config}))
    tc.save(network, folder / "model.safetensors")
    return str(folder)


def test_predict_pictures(digits, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pictures = tc.data.load_digits()
    right = 0
    for i in range(10):
        values = [[int(255 - 255 * v) for v in row] for row in pictures.images[i].tolist()]  # dark on a bright ground
        picture = image.new("L", (12, 12), 255)
        for y, row in enumerate(values):
            for x, value in enumerate(row):
                picture.putpixel((x + 2, y + 2), value)
        picture.resize((96, 96)).save(tmp_path / f"{i}.png")
    done = run("predict", str(digits), *(str(tmp_path / f"{i}.png") for i in range(10)), "--top", "1")
    assert done.returncode == 0, done.stderr
    for i, line in enumerate(done.stdout.splitlines()):
        right += line.split(": ")[1].startswith(str(int(pictures.labels[i])))
    assert right >= 7, done.stdout  # cut out and scaled, they differ from those it learned


def test_predict_texts(tmp_path):
    features = NgramFeatures(characters=None, min_texts=1).fit(["good", "bad"])
    config = {"data": "tweets", "model": "ngrams", "embedding": None, "dropout": 0.0, "features": features.state_dict()}
    network = tc.models.TextClassifier(len(features), 2)
    with tc.no_grad():
        network.embedding.weight[features("good")[0]] = tc.asarray([[-3.0, 3.0]])
        network.embedding.weight[features("bad")[0]] = tc.asarray([[3.0, -3.0]])
    done = run("predict", write_run(tmp_path / "run", "tweets", "ngrams", config, network), "Good!", "bad", "strange")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("Good!: positive 99.8%")
    assert done.stdout.splitlines()[1].startswith("bad: negative 99.8%")
    assert "50.0%" in done.stdout.splitlines()[2]


def test_predict_a_diamond(tmp_path):
    network = tc.models.MLP((29, 4, 1), activation="silu")
    for parameter in network.parameters():
        tc.nn.init.zeros_(parameter)
    config = {"data": "diamonds", "model": "mlp", "features": 29, "hidden": [4], "dropout": 0.0}
    config |= {"mean": [0.0] * 29, "std": [1.0] * 29, "price": [7.0, 1.0]}
    folder = write_run(tmp_path / "run", "diamonds", "mlp", config, network)
    stone = {"carat": 0.7, "depth": 61.5, "table": 56, "x": 5.7, "y": 5.7, "z": 0}
    stone |= {"cut": "Ideal", "color": "G", "clarity": "VS1"}
    done = run("predict", folder, json.dumps(stone))
    assert done.stdout.endswith(": 1097 dollars\n"), done.stderr  # e^7
    for wrong in ("{", '{"carat": 1}', json.dumps(stone | {"cut": "Round"}), "[1]", json.dumps(stone | {"x": "wide"})):
        done = run("predict", folder, wrong)
        assert done.returncode == 1
        assert "a diamond is a JSON object" in done.stderr


def test_generate(tmp_path):
    characters = "\n abc"
    config = {
        "data": "text",
        "model": "char-lstm",
        "characters": characters,
        "embedding": 4,
        "hidden": [8],
        "dropout": 0.0,
    }
    network = tc.models.CharLSTM(5, embedding=4, hidden=8)
    folder = write_run(tmp_path / "run", "text", "char-lstm", config, network)
    done = [run("generate", folder, "--prompt", "ab", "--count", "20", "--seed", "3") for _ in range(2)]
    assert done[0].stdout == done[1].stdout
    assert done[0].stdout.startswith("ab")
    assert len(done[0].stdout) == 23
    assert set(done[0].stdout) <= set(characters)
    strange = run("generate", folder, "--prompt", "xyz")
    assert strange.returncode == 1
    assert "has no 'x', 'y', 'z'" in strange.stderr
    assert "writes text" in run("predict", folder, "ab").stderr
