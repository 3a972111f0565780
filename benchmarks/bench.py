"""`make bench`: aisys against what people use today, as ratios on one machine in one run.

Absolute seconds differ from machine to machine and from minute to minute; each ratio is
of two figures measured in turn, within seconds of one another, and the median of ROUNDS.
Writes every figure, flat, to build/bench.json.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import classroom
import worlds

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
COPIES = 20
ROUNDS = 3
SMALL = (HERE / "small-course", "small")
FORWARD = (ROOT, "forward-diff")
AISYS = [sys.executable, "-m", "aisys_cli"]

Figures = dict[str, float]


def main() -> None:
    figures: Figures = {"copies": COPIES, "cores": os.cpu_count() or 0}
    with tempfile.TemporaryDirectory() as scratch:
        grading("small", *SMALL, Path(scratch), figures)
        grading("forward_diff", *FORWARD, Path(scratch), figures)
        figures |= worlds.measure()
        worlds.report(figures, say)
        figures |= classroom.measure(Path(scratch))
        classroom.report(figures, say)
        commands(Path(scratch), figures)
    out = ROOT / "build" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nWrote {out.relative_to(ROOT)}")


# -- grading -------------------------------------------------------------------


def grading(name: str, root: Path, lab: str, scratch: Path, figures: Figures) -> None:
    """One lab three ways: aisys in bulk, a pytest a submission, no isolation at all."""
    reference = next((root / "solutions" / lab / "reference").glob("*.py"))
    folder = scratch / name
    for i in range(COPIES):
        (folder / f"s{i:02}").mkdir(parents=True)
        shutil.copy(reference, folder / f"s{i:02}")
    rounds: list[Figures] = []
    for _ in range(ROUNDS):
        cold, steady = bulk(root, lab, folder, scratch)
        one = {"aisys_cold": cold, "aisys": steady}
        one["floor"] = floor(root, lab)
        one["pytest"] = by_hand(root, lab, reference)
        rounds.append(one)
    for key in rounds[0]:
        figures[f"{name}_{key}_s"] = statistics.median(one[key] for one in rounds)
    for top, bottom in (("pytest", "aisys"), ("pytest", "aisys_cold"), ("aisys", "floor")):
        ratio = statistics.median(one[top] / one[bottom] for one in rounds)
        figures[f"{name}_{top}_over_{bottom}"] = ratio
    say(f"{name}: seconds a submission, {COPIES} copies, median of {ROUNDS} rounds")
    say("  aisys grade-all -j1", figures[f"{name}_aisys_s"], "first report to last")
    say("  aisys, start included", figures[f"{name}_aisys_cold_s"], f"whole run / {COPIES}")
    say("  pytest, new process", figures[f"{name}_pytest_s"])
    say("  floor: no isolation", figures[f"{name}_floor_s"])
    say("  pytest / aisys", figures[f"{name}_pytest_over_aisys"], "times")
    say("  pytest / aisys with start", figures[f"{name}_pytest_over_aisys_cold"], "times")
    say("  aisys / floor", figures[f"{name}_aisys_over_floor"], "times\n")
    figures[f"{name}_over_floor"] = figures[f"{name}_aisys_over_floor"]


def bulk(root: Path, lab: str, folder: Path, scratch: Path) -> tuple[float, float]:
    """Seconds a submission of `aisys grade-all -j1`: whole process, and once it is warm."""
    command = [*AISYS, "--course", str(root), "grade-all", str(folder), "--lab", lab, "-j1"]
    command += ["--no-resume", "--db", str(scratch / "bench.db"), "--format", "json"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    seen = [time.perf_counter() for line in process.stderr if b"/" in line.split(b" pass ")[0]]
    end = time.perf_counter()
    if process.wait() != 0 or len(seen) < COPIES:
        sys.exit(f"grade-all failed: {' '.join(command)}")
    seen = seen[:COPIES]
    return (end - start) / COPIES, (seen[-1] - seen[0]) / (COPIES - 1)


def floor(root: Path, lab: str) -> float:
    environment = bench_environment(root, lab)
    command = [sys.executable, str(HERE / "direct.py"), str(min(COPIES, 8))]
    out = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return statistics.mean(json.loads(out))


def by_hand(root: Path, lab: str, reference: Path) -> float:
    """A new pytest process for a submission, the checks and the submission in it."""
    environment = bench_environment(root, lab) | {"AISYS_BENCH_FILE": str(reference)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "direct", "-pno:cacheprovider"]
    command += ["--noconftest", "--import-mode=importlib", "-opython_files=checks.py"]
    command += ["-oaddopts=", f"{root}/labs/{lab}/checks.py", f"{root}/grading/{lab}/checks.py"]
    start = time.perf_counter()
    runs = 4
    for _ in range(runs):
        done = subprocess.run(command, env=environment, cwd=HERE, capture_output=True)
        if done.returncode != 0:
            sys.exit(done.stdout.decode())
    return (time.perf_counter() - start) / runs


def bench_environment(root: Path, lab: str) -> dict[str, str]:
    return os.environ | {
        "AISYS_BENCH_LAB": f"{root}:{lab}",
        "PYTHONPATH": str(HERE),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


# -- commands --------------------------------------------------------------------


def commands(scratch: Path, figures: Figures) -> None:
    """Start-up, against the imports that nobody can do without."""
    libraries = [sys.executable, "-c", "import typer, rich"]
    engine = [sys.executable, "-c", "import torch, hypothesis, pytest"]
    subprocess.run([*AISYS, "lab", "start", "forward-diff"], cwd=scratch, check=True, stdout=-3)
    for name, command, base in (
        ("help_over_imports", [*AISYS, "--help"], libraries),
        ("lab_list_over_imports", [*AISYS, "lab", "list"], libraries),
        ("lab_test_starter_over_imports", [*AISYS, "lab", "test"], engine),
    ):
        pairs = [(timed(command, scratch), timed(base, scratch)) for _ in range(5)]
        figures[name] = statistics.median(mine / theirs for mine, theirs in pairs)
        say(f"aisys {' '.join(command[3:])} / {base[-1]}", figures[name], "times")


def timed(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - start


def say(label: str, figure: float | None = None, note: str = "") -> None:
    print(label if figure is None else f"{label:<52} {figure:8.3f}  {note}", flush=True)


if __name__ == "__main__":
    main()
