"""`aisys grade-all` of a dict of sources, on two workers; as a program, whoever runs it.

python together.py < sources.msgpack > reports.msgpack
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness import clean_environment, copy_of_course

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.report.records import Report

__all__ = ["grade_together"]


def grade_together(course, sources, *, secret=""):
    """{id: Report} of one run of the command over all of them, as a teacher would start it."""
    with tempfile.TemporaryDirectory(prefix="aisys-attacks-") as name:
        folder = Path(name) / "class"
        ids = {f"s{number:03}": id for number, id in enumerate(sources)}
        for short, id in ids.items():
            (folder / short).mkdir(parents=True)
            (folder / short / "small.py").write_text(sources[id])
        db = Path(name) / "book.db"
        command = [sys.executable, "-m", "aisys_cli", "--course", str(course), "grade-all"]
        command += [str(folder), "--lab", "small", "--db", str(db), "-j", "2"]
        environment = clean_environment(AISYS_COURSE_SECRET=secret) if secret else None
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"grade-all ended with {done.returncode}:\n{done.stderr[-3000:]}")
        with Gradebook.read(db) as book:
            return {ids[one.submission]: one for one in book.latest("small")}


def main():
    sources = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=dict[str, str])
    # A copy of its own: what a test of root's made is closed to others.
    with tempfile.TemporaryDirectory(prefix="aisys-attacks-") as folder:
        reports: dict[str, Report] = grade_together(copy_of_course(Path(folder) / "c"), sources)
    sys.stdout.buffer.write(msgspec.msgpack.encode(reports))


if __name__ == "__main__":
    main()
