"""The runs of a watched lab: a pool that stays open, one job at a time, into a Scene."""

from __future__ import annotations

import os
import time
from pathlib import Path

from aisys_cli.bulk.intake import read_submission
from aisys_cli.bulk.pool import Pool
from aisys_cli.bulk.run import job_for, open_pool
from aisys_cli.course.records import Lab
from aisys_cli.grader.jobs import Done
from aisys_cli.language import N_
from aisys_cli.report.records import CheckResult
from aisys_cli.watch.screen import Screen
from aisys_cli.watch.view import Scene, failing
from aisys_cli.workspace.state import Workspace

__all__ = ["Runs"]

SEED = 1  # as `lab test` has it by default


class Runs:
    def __init__(
        self, lab: Lab, root: Path, scene: Scene, screen: Screen, *, verbose: bool
    ) -> None:
        self.pool: Pool | None = None
        self._lab, self._root = lab, root
        self._scene, self._screen, self._verbose = scene, screen, verbose
        self._busy = False
        self._waiting: tuple[str, float] | None = None
        self._saved = self._begun = 0.0
        self._first: float | None = None

    def begin(self, why: str, saved: float) -> None:
        """Test what is there now; `saved` is when it was written. AisysError."""
        if self._busy and self.pool is not None:
            self._waiting = (why, saved)
            self.pool.hurry()
            return
        if self.pool is None:
            self.pool = open_pool(self._lab, isolation="auto", hidden=False, pinned=False)
            self.pool.__enter__()
        workspace = Workspace(self._root)
        folder = workspace.folder(self._lab.id)
        job = job_for(read_submission(workspace.root.name, folder, self._lab), seed=SEED)
        job.keep_calls = job.stream = True
        job.first = self._first_of(workspace)
        self._busy, self._first = True, None
        self._saved, self._begun = saved, time.time()
        self._scene.running, self._scene.fresh, self._scene.timing = True, set(), ""
        self._screen.started(why)
        self.pool.offer(job)

    def _first_of(self, workspace: Workspace) -> list[str]:
        """What failed last: of these the one that is looked at runs before the others."""
        verdicts = workspace.labs[self._lab.id].verdicts
        last = [id for id, verdict in verdicts.items() if verdict not in ("pass", "blocked")]
        if self._scene.focus:
            return [self._scene.focus]
        return last

    def heard(self) -> None:
        """The pool has something to say. AisysError."""
        assert self.pool is not None
        for done in self.pool.heard(self._checked):
            self._busy = False
            if self._waiting is None:
                self._finish(done)
            else:
                why, saved = self._waiting
                self._waiting = None
                self.begin(why, saved)

    def _checked(self, result: CheckResult) -> None:
        if self._waiting is not None:
            return
        if self._first is None:
            self._first = time.time()
        self._scene.results[result.id] = result
        self._scene.fresh.add(result.id)
        self._refocus()
        self._screen.result(result)

    def _refocus(self) -> None:
        """Stay with a failure until it passes; then the first of the others."""
        scene = self._scene
        left = failing(scene)
        if scene.focus in left or (scene.running and scene.focus not in scene.fresh):
            return
        scene.focus = left[0] if left else ""

    def _finish(self, done: Done) -> None:
        scene = self._scene
        scene.running = False
        scene.results = {check.id: check for check in done.report.checks}
        scene.fresh = set(scene.results)
        texts = Workspace(self._root).record(
            done.report, done.calls, done.whole, language=scene.language
        )
        scene.files = {id: os.path.relpath(path) for id, path in texts.items()}
        self._refocus()
        if self._verbose:
            scene.timing = self._timing()
        self._screen.finished()

    def _timing(self) -> str:
        first = self._first or self._begun
        return N_(
            f"After the save: begun {self._begun - self._saved:.2f} s, "
            f"first result {first - self._saved:.2f} s, all {time.time() - self._saved:.2f} s"
        )

    def close(self) -> None:
        """End every process."""
        if self.pool is not None:
            self.pool.kill()
            self.pool = None
        self._busy, self._waiting = False, None
        self._scene.running = False
