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
