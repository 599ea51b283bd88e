"""The examples of docs/cuda_compile.md: they run, and print what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "cuda_compile.md"


def test_examples() -> None:
    blocks = re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    code = [text for kind, text in blocks if kind == "python"]
    wanted = [text for kind, text in blocks if kind == "text"]
    assert len(code) == len(wanted)
    program = "print('=====')\n".join(code)
    environment = {**os.environ, "TENSORCORE_CUDA": "simt-check", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    if "needs a build with the CMake option" in done.stderr:
        pytest.skip("this build has no checked executor")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("=====\n") == wanted
