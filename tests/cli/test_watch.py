"""`lab watch`, driven in a terminal of its own: what is on the screen, keys, every way to end.

Nothing here measures time: each step waits until the screen says what it must.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from harness import clean_environment, is_running, wait_until
from running import RIGHT, SYNTAX, command, run, write

WRONG_MUL = RIGHT.replace("return a * b", "return a * b * 1.5")
WRONG_SCALE = RIGHT.replace("return xs * k", "return xs")
LEAVE = "\x1b[?1049l"


def hear_ctrl_c():
    """Also where the tests themselves were started in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def in_a_terminal():
    hear_ctrl_c()
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


class Screen:
    """The command in a terminal; `see` waits for words on the screen as it is drawn."""

    def __init__(self, cwd, at, *words, env=None, lines=30, columns=80, stdin=None):
        self.ours, theirs = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self.settings = termios.tcgetattr(theirs)
        environment = clean_environment(**{"TERM": "xterm", **(env or {})})
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            command(["lab", "watch", *words], at),
            cwd=cwd,
            env=environment,
            stdin=theirs if stdin is None else stdin,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=in_a_terminal,  # noqa: PLW1509 - no threads
        )
        self.theirs = theirs
        self.lines, self.written = {}, ""

    def read(self, seconds=0.1):
        if select.select([self.ours], [], [], seconds)[0]:
            data = os.read(self.ours, 1 << 16).decode(errors="replace")
            self.written += data
            for line, text in re.findall(
                r"\x1b\[(\d+);1H([^\x1b]*(?:\x1b\[[0-9;]*m[^\x1b]*)*)", data
            ):
                self.lines[int(line)] = re.sub(r"\x1b\[[0-9;]*m", "", text)

    @property
    def text(self):
        return "\n".join(self.lines[n] for n in sorted(self.lines))

    def see(self, *words, seconds=60.0):
        """Until all the words are on the screen at once."""
        deadline = time.monotonic() + seconds
        while not all(word in self.text for word in words):
            assert self.process.poll() is None, self.written[-3000:]
            assert time.monotonic() < deadline, f"no {words} in\n{self.text}"
            self.read()
        return self.text

    def hear(self, *words, seconds=60.0):
        """The same for what is printed line after line."""
        deadline = time.monotonic() + seconds
        while not all(word in self.written for word in words):
            assert time.monotonic() < deadline, f"no {words} in\n{self.written}"
            self.read()
        return self.written

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def end(self, seconds=20.0):
        """The exit code, once it has ended."""
        wait_until(lambda: self.read(0.02) or self.process.poll() is not None, seconds=seconds)
        code = self.process.wait(timeout=5)
        self.read()
        return code

    @property
    def is_restored(self):
        """Whether the terminal is as it was before."""
        return termios.tcgetattr(self.theirs) == self.settings and (
            "\x1b[?1049h" not in self.written or self.written.rindex(LEAVE) > 0
        )

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def place(tmp_path, own_course):
    run("lab", "start", "small", cwd=tmp_path, at=own_course)
    write(tmp_path, {"small/small.py": WRONG_MUL})
    return tmp_path


@pytest.fixture
def watch(place, own_course):
    """watch("--poll") -> its Screen."""
    opened = []

    def start(*words, **options):
        opened.append(Screen(place, own_course, *words, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def save(place, text, name="small/small.py"):
    """As many editors do: a new file in the place of the old one."""
    path = place / name
    fresh = path.with_name(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def test_an_evening(watch, place):
    """Save, see, ask, repair, quit: in one session, as each takes a start of the grader."""
    screen = watch("-v")
    first = screen.see("1.2 FAIL", "mul(1.0, 1.0)", "After the save", "q quit")
    assert "2 of 3 public checks passed" in first
    assert first.index("FAIL  1.2") < first.index("q quit")

    save(place, WRONG_SCALE)
    screen.see("1.2 ok", "2.2 FAIL", "scale(array(", "After the save: begun ")
    assert "mul(1.0" not in screen.text

    screen.press("h")
    screen.see("Hints for task 2: 1 of 3")
    screen.press("h")
    screen.see("Hints for task 2: 2 of 3", "(2)")
    screen.press("r")
    screen.see("aisys lab repro 2.2", "Still the wrong value.")
    screen.press("d")
    screen.see("aisys lab draw small", "small has no pictures")
    screen.press("a")
    screen.see("ok        1.1 add adds", "FAIL  2.2")
    screen.press("n")
    screen.see("2.2 is the only one that does not pass.")

    # In place, as other editors do.
    (place / "small/small.py").write_text(RIGHT)
    screen.see("All 3 public checks passed", "1 hidden check runs")
    screen.press("n")
    screen.see("Every lab of the course is done.")
    assert "\n" not in re.sub(r"\x1b\[\d+;1H[^\n]*", "", screen.written.partition("\x1b[?1049h")[2])

    screen.press("q")
    assert screen.end() == 0
    assert screen.is_restored
    assert "small: nothing fails" in screen.written.rpartition(LEAVE)[2]
    assert "3/3" in run("lab", "list", cwd=place, at=place / "own-course").stdout


def test_what_goes_wrong_is_said_and_watched_on(watch, place, own_course):
    screen = watch()
    screen.see("1.2 FAIL", "mul(1.0, 1.0)")
    save(place, SYNTAX)
    screen.see("1.1 ERROR", "the file does not parse", "small.py:1")
    (place / "small/small.py").unlink()
    screen.see("small.py is gone", "aisys lab reset")
    save(place, RIGHT)
    screen.see("All 3 public checks passed")

    checks = own_course / "labs/small/checks.py"
    checks.write_text(checks.read_text().replace("a * b", "a * b + 1"))
    screen.see("1.2 FAIL")
    facts = own_course / "labs/small/lab.toml"
    text = facts.read_text()
    facts.write_text("id = 3")
    screen.see("got `int`")
    facts.write_text(text)
    screen.see("1.2 FAIL", "q quit")
    screen.press("q")
    assert screen.end() == 0


def test_a_save_during_a_run_is_tested_next(watch, place):
    slow = RIGHT.replace("return a + b", "import time; time.sleep(0.05); return a")
    save(place, slow)
    screen = watch()
    screen.see("running")
    save(place, RIGHT)
    screen.see("All 3 public checks passed")


def test_a_folder_that_is_replaced_is_watched_again(watch, place):
    screen = watch()
    screen.see("1.2 FAIL")
    (place / "small").rename(place / "old")
    screen.see("small.py is gone")
    (place / "small").mkdir()
    save(place, RIGHT)
    screen.see("All 3 public checks passed")
    save(place, WRONG_SCALE)
    screen.see("2.2 FAIL")


def test_poll_finds_the_save_without_events(watch, place):
    screen = watch("--poll")
    screen.see("1.2 FAIL")
    save(place, RIGHT)
    screen.see("All 3 public checks passed")


def test_where_no_event_comes_it_looks_and_says_so(place, own_course, monkeypatch):
    """A network disk, simulated by a notifier that hears nothing."""
    source = """
from aisys_cli.watch import changes
changes.Notifier.run = lambda self: None
from aisys_cli.app import main
main()
"""
    import running

    words = [*running.command([], own_course)[:1], "-c", source]
    words += ["--course", str(own_course), "lab", "watch"]
    monkeypatch.setitem(Screen.__init__.__globals__, "command", lambda *_: words)
    screen = Screen(place, own_course)
    try:
        screen.see("1.2 FAIL")
        save(place, RIGHT)
        screen.see("All 3 public checks passed")
        save(place, WRONG_SCALE)
        screen.see("2.2 FAIL", "--poll")
    finally:
        screen.close()


def ended_by_signal(number):
    return lambda screen: screen.process.send_signal(number)


ENDS = {
    "q": (lambda screen: screen.press("q"), 0),
    "Ctrl-C": (lambda screen: screen.press("\x03"), 130),
    "SIGTERM": (ended_by_signal(signal.SIGTERM), 143),
    "SIGHUP": (ended_by_signal(signal.SIGHUP), 143),
}


@pytest.mark.parametrize(("act", "code"), ENDS.values(), ids=ENDS)
def test_however_it_ends_the_terminal_is_as_before_and_nothing_is_left(watch, act, code):
    from harness import descendants

    screen = watch()
    screen.see("1.2 FAIL")
    below = descendants(screen.process.pid)
    assert below
    act(screen)
    assert screen.end() == code
    assert screen.is_restored
    assert wait_until(lambda: not any(map(is_running, below)))


def test_it_may_end_before_the_grader_is_ready_and_while_code_hangs(watch, place):
    from harness import descendants

    save(place, RIGHT.replace("return a + b", "while True: pass"))
    screen = watch()
    screen.see("running")
    assert wait_until(lambda: len(descendants(screen.process.pid)) > 2)
    below = descendants(screen.process.pid)
    screen.press("q")
    assert screen.end() == 0
    assert screen.is_restored
    assert wait_until(lambda: not any(map(is_running, below)))


def test_a_bug_of_ours_leaves_the_terminal_as_it_was(watch, place):
    screen = watch()
    screen.see("1.2 FAIL")
    (place / ".aisys/workspace.json").write_text("{")
    save(place, RIGHT)
    screen.see("is damaged")
    screen.press("h")
    screen.end()
    assert screen.is_restored


def test_stopped_it_gives_the_terminal_back_and_goes_on_when_continued(watch, place):
    screen = watch()
    screen.see("1.2 FAIL")
    screen.press("\x1a")
    assert wait_until(lambda: state_of(screen.process.pid) == "T")
    screen.read()
    assert screen.is_restored
    os.killpg(screen.process.pid, signal.SIGCONT)
    save(place, RIGHT)
    screen.see("All 3 public checks passed")
    screen.press("q")
    assert screen.end() == 0


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_a_small_window_is_filled_and_scrolled_and_another_size_drawn_anew(watch):
    screen = watch(lines=10, columns=60)
    screen.see("1.2 FAIL", "more lines: space")
    assert max(screen.lines) <= 10
    screen.press(" ")
    screen.see("Look at")
    fcntl.ioctl(screen.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    screen.process.send_signal(signal.SIGWINCH)
    screen.see("FAIL  1.2", "Look at", "q quit")


@pytest.mark.parametrize(
    ("words", "env"), [((), {"TERM": "dumb"}), (("--no-clear",), {})], ids=["dumb", "no-clear"]
)
def test_where_no_screen_is_wanted_lines_follow_lines(watch, place, words, env):
    screen = watch(*words, env={**env, "NO_COLOR": "1"})
    screen.hear("Keys: h hint", "FAIL      1.2 mul multiplies", "mul(1.0, 1.0)")
    save(place, RIGHT)
    screen.hear("small.py saved", "All 3 public checks passed")
    screen.press("q")
    assert screen.end() == 0
    assert "\x1b" not in screen.written
    assert screen.is_restored


def test_without_colours_the_screen_has_none(watch):
    screen = watch(env={"NO_COLOR": "1"})
    screen.see("1.2 FAIL")
    assert not re.search(r"\x1b\[(3|4|9)\dm", screen.written)


def test_without_a_terminal_it_prints_and_has_no_keys(place, own_course):
    process = subprocess.Popen(
        command(["lab", "watch"], own_course),
        cwd=place,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - no threads
    )
    said = ""
    try:
        while "Look at" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "no terminal, no keys" in said
    assert "\x1b" not in said


def test_a_lab_whose_folder_is_gone_says_so(place, own_course):
    (place / "small").rename(place / "moved")
    done = run("lab", "watch", cwd=place, at=own_course)
    assert done.returncode == 2
    assert "aisys lab start small" in done.stderr
