"""Kills processes that write checkpoints, at random moments, and looks at what is left. Run by test_checkpoints.py.

Processes are forked, so each costs milliseconds; what they report through the pipe was saved before they were killed.
"""

import os
import random
import signal
import sys
import time

import tensorcore as tc
from tensorcore import train


def write_forever(checkpoints, first, pipe):
    step = first
    while True:
        checkpoints.save(step, score=-step, weights=tc.full(20_000, float(step)), steps=[step] * 10)
        os.write(pipe, step.to_bytes(8, "little"))
        step += 1


def run_and_kill(checkpoints, first, seconds):
    """Start a writer, kill it after a while, return the last step it reported."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            write_forever(checkpoints, first, write_end)
        finally:
            os._exit(1)
    os.close(write_end)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    reported = b""
    while chunk := os.read(read_end, 65536):
        reported += chunk
    os.close(read_end)
    return int.from_bytes(reported[-8:], "little") if reported else first - 1


def main(folder, rounds):
    checkpoints = train.Checkpoints(folder, keep_last=2, keep_best=1)
    rng = random.Random(0)
    done = torn = 0
    for number in range(rounds):
        reported = run_and_kill(checkpoints, done + 1, rng.uniform(0, 0.03))
        torn += any(".tmp-" in p.name for p in checkpoints.folder.glob(".*")) if checkpoints.folder.exists() else 0
        if checkpoints.latest() is None:
            assert reported == done == 0, f"round {number}: nothing is left of {reported} steps"
            continue
        data = checkpoints.restore()
        assert data["step"] >= reported, f"round {number}: {reported} was saved, {data['step']} is left"
        assert data["steps"] == [data["step"]] * 10
        assert bool((data["weights"] == float(data["step"])).all())
        for path in checkpoints.paths():
            tc.load(path)
        done = data["step"]
    checkpoints.save(done + 1, score=0)
    assert [p.name for p in checkpoints.folder.glob(".*")] == []
    assert len(checkpoints.paths()) <= 3
    print(done, torn)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
