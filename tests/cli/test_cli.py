"""The command line: what it prints, writes and returns."""

import json
import subprocess
import sys

import pytest

from tensorcore import cli


def run(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "tensorcore", *args], capture_output=True, text=True, timeout=240, **options
    )


@pytest.mark.parametrize("command", ["bench", "check", "train", "predict", "generate", "info"])
def test_help_has_examples(command):
    done = run(command, "-h")
    assert done.returncode == 0
    assert f"examples:\n  tensorcore {command}" in done.stdout


def test_wrong_usage_is_status_2():
    assert run().returncode == 2
    assert run("dance").returncode == 2
    done = run("bench", "no such workload")
    assert done.returncode == 2
    assert "no workload matches no such workload" in done.stderr
    assert run("bench", "--vs", "jax").returncode == 2
    assert run("train", "digits", "--epochs", "0").returncode == 2
    assert run("train", "digits", "--lr", "nan").returncode == 2
    assert run("check", "no-such-op").returncode == 2


def test_info_as_json():
    facts = json.loads(run("info", "--json").stdout)
    assert facts["threads"] >= 1
    assert facts["devices"] == ["cpu", "cuda:0"]
    assert facts["cuda"].endswith("TENSORCORE_CUDA=simt") or "compute capability" in facts["cuda"]
    assert "instruction set" in run("info").stdout


def test_check_compares_and_reports():
    done = run("check", "softmax", "--json", "-")
    verdicts = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert all(v["right"] and v["error"] <= v["bound"] for v in verdicts)
    assert {v["dtype"] for v in verdicts} >= {"float16", "float32", "float64"}


def test_check_finds_a_wrong_op(monkeypatch, capsys):
    from tensorcore import op_table
    from tensorcore.op_table.row import Op

    wrong = Op("exp", lambda x: x, lambda x: x + 1, lambda rng: [rng.standard_normal(3)], dtypes=("float32",))
    crash = Op("log", lambda x: 1 / 0, lambda x: x, lambda rng: [rng.standard_normal(3)], dtypes=("float32",))
    monkeypatch.setattr(op_table, "all_rows", lambda: [wrong, crash])
    assert cli.main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "0 right, 2 wrong" in printed
    assert "ZeroDivisionError" in printed


def test_bench_compares_every_framework(tmp_path):
    target = tmp_path / "results.json"
    done = run("bench", "gemm 64x64x64", "relu n=1e3", "--vs", "numpy", "--samples", "3", "--json", str(target))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(target.read_text())
    assert report["threads"] >= 1
    for result in report["results"]:
        assert len(result["seconds"]["tc"]) == 3
        assert result["error"]["tc"] <= result["bound"]
        assert result["peak"] > 0
        assert set(result["median"]) == {"tc", "numpy"}
    assert report["geometric_mean"]["numpy"] > 0


def test_check_finds_every_op_right():
    done = run("check")
    assert done.returncode == 0, done.stdout
    assert " 0 wrong" in done.stdout
