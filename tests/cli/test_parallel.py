"""A student's way through a parallel lab: a deadlock explained, run again, and drawn."""

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from running import run

COURSE = Path(__file__).parents[2]
REFERENCE = (COURSE / "solutions/all-reduce/reference/all_reduce.py").read_text()
STUCK = REFERENCE.replace(
    "        comm.sendrecv(total, (r + 1) % p, arrived, (r - 1) % p)\n",
    '        print("step", step)\n'
    "        comm.send(total, (r + 1) % p)\n"
    "        comm.recv(arrived, (r - 1) % p)\n",
)
LINE = STUCK.splitlines().index("        comm.send(total, (r + 1) % p)") + 1


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """What each command of the student said, by name."""
    root = tmp_path_factory.mktemp("parallel")

    def step(*words):
        return run(*words, cwd=root, at=COURSE)

    file = root / "all-reduce/all_reduce.py"
    done = {"start": step("lab", "start", "all-reduce"), "root": root}
    file.write_text(STUCK)
    done["test"] = step("lab", "test", "1.1", "3.1")
    done["repro"] = step("lab", "repro", "1.1")
    done["one rank"] = step("lab", "repro", "1.1", "--rank", "1")
    done["no rank"] = step("lab", "repro", "1.1", "--rank", "5")
    done["stuck picture"] = step("lab", "draw", "all-reduce", "--set", "rendezvous=true")
    file.write_text(REFERENCE)
    files = ["-o", "ring.svg", "-o", "ring.png", "-o", "ring.html", "--perfetto", "ring.json"]
    done["picture"] = step("lab", "draw", *files)
    done["of no kind"] = step("lab", "draw", "-o", "ring.gif")
    done["tree"] = step("lab", "draw", "all-reduce/tree", "--set", "p=6", "--set", "root=2")
    for name, words in (
        ("picture", ["all-reduce/x"]),
        ("key", ["all-reduce/ring", "--set", "q=1"]),
    ):
        done[f"wrong {name}"] = step("lab", "draw", *words)
    done["page"] = step("lab", "show", "-o", "handout.html")
    done["too many"] = step("lab", "draw", "--set", "p=17")
    done["no number"] = step("lab", "draw", "--set", "p=many")
    return done


def test_a_deadlock_says_who_waits_for_whom_and_where(way):
    said = way["test"].stdout
    assert way["test"].returncode == 1
    assert "DEADLOCK  1.1" in said
    assert "ranks 0 -> 1 -> 0 wait in a circle" in said
    assert "World            p = 2, rendezvous sends" in said
    for rank in (0, 1):
        assert f"{rank} waits in send for {1 - rank}, line {LINE}; sent 0, received 0" in said
    assert f"all_reduce.py:{LINE} in reduce_scatter" in said
    assert max(map(len, said.splitlines())) <= 80


def test_repro_runs_the_very_world_again(way):
    said = way["repro"].stdout
    assert way["repro"].returncode == 1
    assert "p = 2, rendezvous sends" in said
    assert "rank 0: step 2" in said
    assert "rank 1: step 2" in said
    assert "ranks 0 -> 1 -> 0 wait in a circle" in said


def test_repro_of_one_rank_shows_its_prints_only(way):
    said = way["one rank"].stdout
    assert way["one rank"].returncode == 1
    assert said.count("step 2") == 1
    assert "ranks 0 -> 1 -> 0 wait in a circle" in said


def test_repro_refuses_a_rank_that_the_world_has_not(way):
    assert way["no rank"].returncode == 2
    assert "--rank 5: this input has ranks 0 to 1" in way["no rank"].stderr


def test_a_picture_of_a_deadlock_is_the_deadlock(way):
    assert way["stuck picture"].returncode == 1
    assert "wait in a circle" in way["stuck picture"].stdout


def test_the_ring_is_drawn_from_what_was_sent(way):
    assert way["picture"].returncode == 0, way["picture"].stderr
    lines = way["picture"].stdout.splitlines()
    assert lines[0] == "ring_all_reduce: p = 4, n = 8"
    # Chunk 3 starts at rank 0, gathers one rank's part a step, and goes round once more.
    assert lines[3].split() == ["step", "1", "3(1)>1", "0(1)>2", "1(1)>3", "2(1)>0"]
    assert lines[5].split() == ["step", "3", "1(3)>1", "2(3)>2", "3(3)>3", "0(3)>0"]
    assert lines[8].split() == ["step", "6", "2(4)>1", "3(4)>2", "0(4)>3", "1(4)>0"]
    assert "24 messages, 6 latency steps; at most 12 elements sent by one rank" in lines


def test_the_handouts_page_has_the_pictures_of_ones_own_work(way):
    assert way["page"].returncode == 0, way["page"].stderr
    page = (way["root"] / "handout.html").read_text()
    drawn = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert drawn[0] == "lab draw all-reduce/ring"
    assert "lab draw all-reduce/tree" in drawn
    assert 'aria-label="ring_all_reduce: p = 4, n = 8"' in page
    assert 'style="' not in page  # the page's policy would ignore it


def test_a_file_of_another_kind_is_a_usage_error(way):
    assert way["of no kind"].returncode == 2
    assert "-o ring.gif: want a name that ends in .svg, .png, .html" in way["of no kind"].stderr


def test_the_picture_is_written_as_svg_and_as_a_trace(way):
    assert (way["root"] / "ring.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (way["root"] / "ring.html").read_text()
    root = ElementTree.parse(way["root"] / "ring.svg").getroot()
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == 24
    events = json.loads((way["root"] / "ring.json").read_text())["traceEvents"]
    assert sum(one["ph"] == "X" for one in events) == 48
    assert {one["args"]["call"] for one in events if one["ph"] == "X"} == {"sendrecv"}


def test_the_tree_reaches_six_ranks_in_three_steps(way):
    assert "5 messages, 3 latency steps" in way["tree"].stdout
    assert "root 2" in way["tree"].stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wrong picture", "all-reduce has no picture 'x'"),
        ("wrong key", "ring has no 'q'"),
        ("too many", "a world of 17 ranks"),
        ("no number", "want a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_error(way, name, why):
    assert way[name].returncode == 2
    assert why in way[name].stderr
    assert "Traceback" not in way[name].stderr


def test_a_handout_is_read_also_where_nothing_can_be_drawn(way, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho no namespaces today >&2\nexit 1\n")
    fake.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = run("lab", "show", "-o", "plain.html", cwd=way["root"], at=COURSE, env={"PATH": path})
    assert done.returncode == 0
    assert "without pictures of your work: cannot start the sandbox: no namespaces" in done.stderr
    assert "<figure" not in (way["root"] / "plain.html").read_text()
