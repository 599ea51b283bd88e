"""The examples in docs/nn.md and in the docstrings of `tensorcore.nn` run and print what they say."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import tensorcore as tc
from tensorcore import nn

PAGE = Path(__file__).parents[2] / "docs" / "nn.md"
MODULES = [
    m.name
    for m in pkgutil.walk_packages(nn.__path__, "tensorcore.nn.")
    if m.name != "tensorcore.nn.functional" and not m.ispkg
]


def test_the_page_s_example_runs(capsys):
    code = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    scope = {}
    exec(compile(code, str(PAGE), "exec"), scope)
    assert float(scope["loss"]) < 2.5
    assert "features: Sequential" in capsys.readouterr().out


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    names = {"tc": tc, "nn": nn, "F": nn.functional}
    tests = doctest.DocTestFinder().find(module, globs=names)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test)
    assert not runner.failures
