"""The GPU benchmarks' logic on the executor, at tiny sizes: order of samples, checks, failures, tables. No figures."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import cli
from tensorcore.bench import gpu_report, gpu_runner
from tensorcore.bench.gpu_cases import gpu_cases
from tensorcore.bench.gpu_frameworks import Tensorcore

CASES = {case.key: case for case in gpu_cases(512)}


class Peer(Tensorcore):
    """Stands for another framework: tensorcore on the CPU, with a clock of its own."""

    name = "torch"

    def __init__(self, seconds=0.5):
        super().__init__("cpu")
        self.now, self.log, self.step = 0.0, [], seconds

    def event(self):
        def record():
            event.at = self.now
            self.log.append("torch")

        event = SimpleNamespace(at=0.0, record=record)
        return event

    def seconds(self, start, end):
        self.now += self.step
        return self.step

    def synchronize(self):
        pass

    def release(self):
        pass


def has_kernel(case):
    """Not every family has its CUDA kernels yet; what has none says so."""
    result = gpu_runner.run_case(case, [Tensorcore()], 1, 0)
    failure = result.failures.get("tc", "")
    return "no kernel on device 'cuda'" not in failure, result


def test_keys_are_unique():
    cases = list(gpu_cases())
    assert len({case.key for case in cases}) == len(cases) > 70


@pytest.mark.parametrize("key", CASES)
def test_every_workload_runs_and_is_checked(key):
    there, result = has_kernel(CASES[key])
    if not there:
        pytest.skip(result.failures["tc"])
    assert result.failures == {}
    assert not result.is_wrong("tc"), result.errors
    assert len(result.samples["tc"]) == 2
    assert result.as_dict()["median"]["tc"] > 0


def test_samples_go_a_b_b_a():
    ours, peer = Tensorcore(), Peer()
    order = []
    for framework in (ours, peer):
        taken = framework.seconds
        framework.seconds = lambda s, e, f=framework, t=taken: (order.append(f.name), t(s, e))[1]
    result = gpu_runner.run_case(CASES["elementwise relu n=131072 f32"], [ours, peer], 3, 0)
    assert order[-12:] == ["tc", "torch", "torch", "tc"] * 3
    assert len(result.samples["torch"]) == len(result.samples["tc"]) == 6
    assert result.median("torch") == pytest.approx(0.5 / 1)
    assert result.spread("torch") == 0


def test_inputs_outsize_the_cache():
    case = CASES["elementwise add n=131072 f32"]
    assert case.bytes == 3 * 4 * 131072
    assert gpu_runner.sets_for(case, 0) == 1
    assert gpu_runner.sets_for(case, 50 << 20) == 100
    assert gpu_runner.sets_for(replace(case, bytes=1e3), 50 << 20) == 256
    seen = set()
    build = case.build["tc"]

    def remember(lib, x):
        seen.add(tuple(int(lib._core.data_pointer(v)) for v in x.values()))
        return build(lib, x)

    gpu_runner.run_case(replace(case, build={"tc": remember}), [Tensorcore()], 1, 2 << 20)
    assert len(seen) == 4


def test_wrong_results_and_failures_are_told():
    case = CASES["elementwise relu n=131072 f32"]
    off = replace(case, build={"tc": lambda lib, x: lambda: x["x"] + 1e-3, "torch": case.build["torch"]})
    result = gpu_runner.run_case(off, [Tensorcore(), Peer()], 1, 0)
    assert result.is_wrong("tc")
    assert not result.is_wrong("torch")
    nan = replace(case, build={"tc": lambda lib, x: lambda: lib.full_like(x["x"], float("nan"))})
    assert gpu_runner.run_case(nan, [Tensorcore()], 1, 0).errors["tc"] == float("inf")

    def crash(lib, x):
        raise ValueError("no such kernel")

    result = gpu_runner.run_case(
        replace(case, build={"tc": crash, "torch": case.build["torch"]}), [Tensorcore(), Peer()], 1, 0
    )
    assert result.failures == {"tc": "ValueError: no such kernel"}
    assert result.is_wrong("tc")
    assert result.samples["torch"]
    gpu_report.table([result], ["torch"])


def test_dropout_and_adam_checks_find_faults():
    drop = CASES["dropout n=131072 f32"]
    x = {"x": np.random.default_rng(0).uniform(-1, 1, 1 << 16)}
    y = np.where(np.random.default_rng(1).random(1 << 16) < 0.25, 0, x["x"] / 0.75)
    assert drop.error(x, [y]) < 1e-12
    assert drop.error(x, [x["x"] / 0.75]) == float("inf")
    assert drop.error(x, [y * 1.01]) > 1e-3
    adam = CASES["optim Adam 2 x 512 f32"]
    x = {"p0": np.zeros(512), "gp0": np.random.default_rng(0).uniform(-1, 1, 512)}
    assert adam.error(x, [-3e-3 * np.sign(x["gp0"])]) < 1e-12
    assert adam.error(x, [-3e-3 * x["gp0"]]) > 1e-5
    assert adam.error(x, [x["p0"]]) == float("inf")


def test_precision_sets_bounds_and_limits():
    limits = {"copy": 4e12, "bf16": 8e14}
    full = {case.key: case for case in gpu_cases()}
    assert gpu_runner.ceiling_of(full["gemm 8192x8192x8192 bf16"], limits) == 8e14
    assert gpu_runner.ceiling_of(full["gemm 8192x8192x8192 f32 tf32"], limits) == 4e14
    assert gpu_runner.ceiling_of(full["gemm 8192x8192x8192 f32 ieee"], limits) == 0
    assert gpu_runner.ceiling_of(full["softmax (4096,32000) f32"], limits) == 4e12
    bounds = [
        gpu_runner.GpuResult(CASES[f"gemm 16x16x16 f32 {p}"], precision={"tc": p}).bound("tc") for p in ("ieee", "tf32")
    ]
    assert bounds[0] < 1e-5 < 1e-3 < bounds[1]
    tc._core.set_matmul_precision("ieee")


def test_command(tmp_path, capsys):
    target = tmp_path / "gpu.json"
    assert (
        cli.main(["bench", "--device", "cuda", "relu", "8192x16x8192 bf16", "--divide", "512", "--json", str(target)])
        == 0
    )
    stored = json.loads(target.read_text())
    assert stored["backend"] in ("simt", "simt-check", "gpu")
    assert {"limits", "ratios", "device", "versions"} <= stored.keys()
    assert cli.main(["bench", "--device", "cuda", "--vs", "numpy"]) == 2
    if stored["backend"] != "gpu":
        assert cli.main(["bench", "--device", "cuda"]) == 2
        assert "--divide" in capsys.readouterr().err
