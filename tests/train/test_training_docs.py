"""The programs in docs/training.md run, in their order, and do what the page says."""

import re
from pathlib import Path

import pytest

import tensorcore as tc

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    tc.manual_seed(0)
    by_hand, trainer, checkpoints = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(by_hand + trainer, names)
    history = names["history"]
    assert max(row["validation_accuracy"] for row in history) > 0.85
    assert names["trainer"].predict(names["validation"]).shape == (397, 10)
    assert sorted(p.name for p in (tmp_path / "runs/digits").iterdir() if p.suffix != ".safetensors") == [
        "curves.png",
        "log.jsonl",
    ]
    assert set(tc.load("digits.safetensors")) == {"0.weight", "0.bias", "3.weight", "3.bias"}
    assert "validation_accuracy" in capsys.readouterr().out
    names["step"] = 7
    exec(checkpoints, names)
    assert names["done"] == {"step": 0}
    exec(checkpoints, names)
    assert names["done"] == {"step": 7, "note": "anything that tc.save holds"}
