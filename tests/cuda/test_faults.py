"""Broken kernels under the checked executor: each is refused with kernel, block, thread and line; its sound twin runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fault_cases import CASES, Case, marked

HERE = Path(__file__).parent


def run_checked(script: str) -> subprocess.CompletedProcess[str]:
    """A Python program in a process of its own with TENSORCORE_CUDA=simt-check."""
    environment = {**os.environ, "TENSORCORE_CUDA": "simt-check", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=HERE,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def reports() -> dict[str, str]:
    """What the checked executor says about every case, "" if nothing."""
    why = run_checked("import tensorcore as tc; print(tc._core.cuda_why())").stdout.strip()
    if why:
        pytest.skip(why)
    done = run_checked("import fault_cases; fault_cases.main()")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(case: Case, reports: dict[str, str]) -> None:
    report = reports[case.name]
    if not case.says:
        assert report == ""
        return
    assert case.kernel in report
    for piece in (*case.says, *([case.thread] if case.thread else [])):
        assert piece in report, report
    for mark in ("at", "with"):
        line = marked(mark, case.kernel)
        if line is not None:
            assert f"faults.cu:{line}" in report, (mark, line, report)
    if (line := marked("at", case.kernel)) and case.thread:
        assert report.endswith(f"at faults.cu:{line}") or "the end of the kernel" in report, report
