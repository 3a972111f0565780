"""The loop of `lab watch`: one thread that waits for keys, saves and results at once.

    keys       the terminal's descriptor
    saves      a Notifier wakes us through a socket; then we look what changed (changes.py)
    results    the pool's own selector: one warm worker, a job at a time
    commands   repro and draw are processes of their own; their output is read here

A save during a run lets the run end after the check that it is at; then the next one begins.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from aisys_cli.course.load import load_course
from aisys_cli.course.records import Course, Lab
from aisys_cli.errors import AisysError
from aisys_cli.language import N_, phrases, translate
from aisys_cli.report.columns import folded
from aisys_cli.watch.changes import Notifier, Seen, changed_at, look
from aisys_cli.watch.command import Command
from aisys_cli.watch.runs import Runs
from aisys_cli.watch.screen import Screen
from aisys_cli.watch.terminal import Terminal
from aisys_cli.watch.view import Scene, failing
from aisys_cli.workspace.state import Workspace

__all__ = ["Watch"]

# Seconds between two looks: without events, and with events in case that they do not come.
POLL, LOOK = 0.3, 1.0
# So long a file may be away while an editor puts another one in its place.
RENAME = 0.3
# Changes that were seen before any event told of them, after which none is expected.
UNANNOUNCED = 2


class Watch:
    """Watches one lab of a workspace, or the next one after it. `run` ends when the student
    quits; `verbose` shows how long everything took."""

    def __init__(
        self,
        course: Course,
        root: Path,
        lab: Lab,
        terminal: Terminal,
        *,
        language: str,
        poll: bool,
        verbose: bool,
    ) -> None:
        self.course, self.root, self.language = course, root, language
        self.terminal, self.poll, self.verbose = terminal, poll, verbose
        self.selector = selectors.DefaultSelector()
        self.waker, self.woken = socket.socketpair()
        self.waker.setblocking(False)
        self.quitting = False
        self.awake = False
        self.unannounced = 0
        self.missing_since: float | None = None
        self.command: Command | None = None
        self.notifier: Notifier | None = None
        self._take(lab)

    # -- from start to end -----------------------------------------------------------

    def run(self) -> None:
        if self.terminal.has_keys:
            self.selector.register(0, selectors.EVENT_READ, self._keys)
        self.selector.register(self.woken, selectors.EVENT_READ, self._woken)
        try:
            self._open("begun")
            while not self.quitting:
                self._wait()
        finally:
            self._close()

    def _take(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = Workspace(self.root).folder(lab.id)
        self.scene = Scene(lab, self.language)
        self.screen = Screen(self.terminal, self.scene)
        self.runs = Runs(lab, self.root, self.scene, self.screen, verbose=self.verbose)

    def _open(self, why: str) -> None:
        self.seen = look(self._files())
        if not self.poll:
            self.notifier = Notifier([self.folder, self.lab.folder], self._wake)
            self.notifier.start()
        self._begin(why, time.time())

    def _close(self) -> None:
        self._end_command()
        self._listen(None)
        self.runs.close()
        if self.notifier is not None:
            self.notifier.stop()
            self.notifier = None

    def _switch(self, lab: Lab, why: str) -> None:
        self._close()
        self._take(lab)
        self._open(why)

    def _files(self) -> list[Path]:
        """What counts: the student's files, and what the grade rests on."""
        return [*self.folder.glob("*.py"), *self.lab.graded_files()]

    # -- waiting ---------------------------------------------------------------------

    def _wake(self) -> None:
        """From the notifier's thread."""
        try:
            self.waker.send(b"x")
        except OSError:
            pass  # it is full: we will wake up

    def _woken(self) -> None:
        self.woken.recv(4096)
        self.awake = True

    def _wait(self) -> None:
        soon = self.poll or self.missing_since is not None
        for key, _ in self.selector.select(POLL if soon else LOOK):
            key.data()
        awake, self.awake = self.awake, False
        now = look(self._files())
        if now != self.seen:
            self._changed(now, awake=awake)
        elif awake:
            self.unannounced = 0

    def _count(self, *, awake: bool) -> None:
        """Notice when changes are only ever found by looking: then look more often."""
        self.unannounced = 0 if awake or self.poll else self.unannounced + 1
        if self.unannounced >= UNANNOUNCED:
            self.poll = True
            self.screen.note(
                "No event comes from this folder (a network disk?): looking, as with --poll."
            )

    def _changed(self, now: Seen, *, awake: bool) -> None:
        entry = self.folder / self.lab.facts.files[0]
        if str(entry) not in now:
            self._missing(entry)
            return
        self.missing_since = None
        before, self.seen = self.seen, now
        at = changed_at(before, now, noticed=time.time())
        changed = [Path(p) for p in {*before, *now} if before.get(p) != now.get(p)]
        if any(path.parent != self.folder for path in changed):
            self._reload()
            return
        self._count(awake=awake)
        names = ", ".join(sorted(path.name for path in changed))
        self._begin(N_(f"{names} saved"), at)

    def _missing(self, entry: Path) -> None:
        if self.missing_since is None:
            self.missing_since = time.monotonic()
        elif 0 < self.missing_since < time.monotonic() - RENAME:
            self.missing_since = 0.0  # said once
            gone = N_(f"{entry.name} is gone.\n\nPut it back, or start again: aisys lab reset")
            self._say(gone)

    def _reload(self) -> None:
        try:
            self.course = load_course(self.course.root)
            lab = next(lab for lab in self.course.labs if lab.id == self.lab.id)
        except AisysError as error:
            self._show_error(error)
        except StopIteration:
            self._say(N_(f"{self.lab.id} is no longer in the course."))
        else:
            self._switch(lab, N_("the course changed"))

    # -- runs ------------------------------------------------------------------------

    def _begin(self, why: str, saved: float) -> None:
        self._end_command()
        try:
            self.runs.begin(why, saved)
        except AisysError as error:
            self._failed(error)
        else:
            self._listen(self.runs)

    def _listen(self, runs: Runs | None) -> None:
        """Hear of the pool that the runs have now, and of no other."""
        for key in list(self.selector.get_map().values()):
            if key.data == self._heard:
                self.selector.unregister(key.fileobj)
        if runs is not None and runs.pool is not None:
            self.selector.register(runs.pool.fileno(), selectors.EVENT_READ, self._heard)

    def _heard(self) -> None:
        try:
            self.runs.heard()
        except AisysError as error:
            self._failed(error)

    def _failed(self, error: AisysError) -> None:
        self._listen(None)
        self.runs.close()
        self._show_error(error)

    # -- keys ------------------------------------------------------------------------

    def _keys(self) -> None:
        keys = self.terminal.read_keys()
        if keys is None:
            self.quitting = True
            return
        for key in keys:
            act = self._actions.get(key)
            if act is not None:
                self.scene.note = ""
                act()

    @property
    def _actions(self) -> dict[str, Callable[[], None]]:
        page = max(self.terminal.size[1] - 6, 1)
        return {
            "q": self._quit,
            "h": self._hint,
            "n": self._next,
            "a": self._all,
            "r": self._repro,
            "d": lambda: self._start(["lab", "draw", self.lab.id]),
            "again": lambda: self._begin(N_("again"), time.time()),
            "back": self.screen.results,
            "up": lambda: self.screen.scroll(-1),
            "down": lambda: self.screen.scroll(1),
            "page up": lambda: self.screen.scroll(-page),
            "page down": lambda: self.screen.scroll(page),
        }

    def _quit(self) -> None:
        self.quitting = True

    def _hint(self) -> None:
        """The first time what is open, then a step more each time."""
        from aisys_cli.workspace.hints import reveal, unfinished_task

        workspace = Workspace(self.root)
        focus = self.scene.focus
        task = self.lab.check(focus).task if focus else unfinished_task(self.lab, workspace)
        heading = translate(f"  Hints for task {task}", self.language)
        shown = self.scene.pane is not None and self.scene.pane.plain.startswith(heading)
        try:
            steps, total = reveal(self.lab, workspace, task, language=self.language, more=shown)
        except AisysError as error:
            self._show_error(error)
            return
        _ = phrases(self.language)
        more = "   " + _("h again for one more") if len(steps) < total else ""
        text = Text(f"{heading}: {_('{} of {}').format(len(steps), total)}{more}\n")
        for number, step in enumerate(steps, 1):
            text.append(f"\n  ({number})\n{self._indented(step, 6)}")
        self.screen.pane(text)

    def _show_error(self, error: AisysError) -> None:
        said = [translate(text, self.language) for text in (error.message, error.remedy)]
        self._say("\n\n".join(said))

    def _say(self, text: str) -> None:
        self.screen.pane(Text(self._indented(translate(text, self.language), 2)))

    def _indented(self, text: str, cells: int) -> str:
        room = max(self.terminal.size[0] - cells - 1, 20)
        return "".join(f"{' ' * cells}{line}\n" for line in folded(text, room))

    def _next(self) -> None:
        """The next failure; when there is none, the next lab."""
        left = failing(self.scene)
        public = self.lab.public()
        if left:
            at = left.index(self.scene.focus) + 1 if self.scene.focus in left else 0
            self.scene.focus = left[at % len(left)]
            self.scene.show = "focus"
            if len(left) == 1:
                self.scene.note = N_(f"{left[0]} is the only one that does not pass.")
            self.screen.results()
        elif self.scene.running or len(self.scene.results) < len(public):
            self.screen.note(N_("Wait for the results."))
        else:
            self._next_lab()

    def _next_lab(self) -> None:
        from aisys_cli.workspace.files import start
        from aisys_cli.workspace.progress import next_lab

        workspace = Workspace(self.root)
        lab = next_lab(self.course, workspace)
        if lab is None:
            self.screen.note(N_("Every lab of the course is done."))
            return
        known = lab.id in workspace.labs
        folder = workspace.folder(lab.id) if known else workspace.root / lab.id
        try:
            start(lab, folder, force=False)
            workspace.start(lab.id, folder, lab.facts.version)
            workspace.save()
        except AisysError as error:
            self._show_error(error)
            return
        self._switch(lab, N_(f"write {folder / lab.facts.files[0]}"))

    def _all(self) -> None:
        self.scene.show = "focus" if self.scene.show == "all" else "all"
        self.screen.results()

    def _repro(self) -> None:
        if not self.scene.focus:
            self.screen.note(N_("Nothing failed that could be run again."))
            return
        self._start(["lab", "repro", self.scene.focus])

    # -- other commands --------------------------------------------------------------

    def _start(self, words: list[str]) -> None:
        self._end_command()
        folder = self.folder
        if not folder.is_dir():
            self.screen.note(N_(f"{folder} is gone."))
            return
        self.command = Command(
            words, course=self.course.root, language=self.language, folder=folder
        )
        self.selector.register(self.command, selectors.EVENT_READ, self._command_said)
        self.screen.pane(Text(f"  {self.command.line} ...\n", style="dim"))

    def _command_said(self) -> None:
        command = self.command
        assert command is not None
        fileno = command.fileno()
        if command.read():
            return
        self.selector.unregister(fileno)
        self.command = None
        text = Text(f"  {command.line}\n\n", style="dim")
        text.append(self._indented(command.output, 2), "not dim")
        self.screen.pane(text)

    def _end_command(self) -> None:
        if self.command is not None:
            self.selector.unregister(self.command)
            self.command.end()
            self.command = None
