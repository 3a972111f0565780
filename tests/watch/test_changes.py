"""What counts as a save, however an editor does it, and when it was made."""

import os

import pytest

from aisys_cli.watch.changes import Notifier, changed_at, look


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.py"
    path.write_text("x = 1\n")
    return path


def in_place(path):
    path.write_text("x = 2, 3\n")


def by_rename(path):
    fresh = path.with_name("fresh")
    fresh.write_text("x = 1\n")
    os.utime(fresh, ns=(path.stat().st_mtime_ns,) * 2)  # not even another time
    os.replace(fresh, path)


def touched(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("save", [in_place, by_rename, touched])
def test_every_way_to_save_is_seen(file, save):
    before = look([file])
    save(file)
    assert look([file]) != before


def test_what_is_not_there_is_left_out_and_reading_changes_nothing(file):
    before = look([file, file.with_name("no.py")])
    assert list(before) == [str(file)]
    file.read_text()
    assert look([file]) == before


def test_the_time_of_the_newest_change_counts_if_it_can_be_true():
    before = {"a": (5_000_000_000, 1, 1), "b": (8_000_000_000, 1, 2)}
    now = {**before, "a": (9_000_000_000, 1, 1)}
    assert changed_at(before, now, noticed=9.5) == 9.0
    assert changed_at(before, now, noticed=8.0) == 8.0, "a clock that is ahead"
    assert changed_at(before, now, noticed=1000.0) == 1000.0, "a clock that is far behind"
    assert changed_at(before, {"b": before["b"]}, noticed=9.5) == 9.5, "only a file that went"


def test_a_notifier_wakes_us_after_a_save_and_ends_when_it_is_told(file):
    import threading

    woken = threading.Event()
    notifier = Notifier([file.parent], woken.set)
    notifier.start()
    try:
        for _ in range(200):  # it may not be listening yet
            in_place(file)
            if woken.wait(0.05):
                break
        assert woken.is_set()
    finally:
        notifier.stop()
        notifier.join(timeout=20)
    assert not notifier.is_alive()
