"""The examples of docs/data.md and of the docstrings run as written."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tensorcore as tc

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
MODULES = [m.name for m in pkgutil.walk_packages(tc.data.__path__, "tensorcore.data.")]


def test_the_page() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, {})


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name) -> None:
    result = doctest.testmod(importlib.import_module(name), extraglobs={"tc": tc}, optionflags=doctest.REPORT_NDIFF)
    assert result.failed == 0


def test_docstrings_were_found() -> None:
    finder = doctest.DocTestFinder()
    found = [t for name in MODULES for t in finder.find(importlib.import_module(name)) if t.examples]
    assert len(found) >= 12


def test_numpy_is_not_needed() -> None:
    import subprocess
    import sys

    code = """
import io, gzip, sys, zipfile
import tensorcore as tc
from tensorcore import data
from tensorcore.data import transforms as T
pictures = data.TensorDataset(data.load_digits().images.reshape((-1, 1, 8, 8)), data.load_digits().labels)
every = T.Compose([T.RandomCrop(8, 1), T.RandomHorizontalFlip(), T.RandomRotation(9, "bilinear"), T.RandomErasing(),
                   T.Resize(9), T.CenterCrop(8), T.Normalize([0.3], [0.4])])
part = data.random_split(pictures, (6, 2, 2))[0]
for collate in (None, lambda samples: data.default_collate(samples)):
    loader = data.DataLoader(part, 64, shuffle=True, num_workers=2, batch_transform=T.OnItem(every), collate_fn=collate)
    assert sum(len(y.tolist()) for _, y in loader) == 1079
data.load_iris(), data.read_idx(data.idx_bytes(tc.zeros(3)))
list(data.WeightedRandomSampler([1.0, 2.0], 3)), list(data.LengthBatchSampler([1, 2, 3], 2))
v = data.Vocabulary.build(["ab"])
data.pad_collate([v.encode("a"), v.encode("bb")])
assert "numpy" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
