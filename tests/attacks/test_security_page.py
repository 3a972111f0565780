"""docs/security.md and the tables of attacks say the same."""

import re
from pathlib import Path

import attacks
import ranks

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/security.md").read_text()
PROMISES = PAGE.partition("## Promises")[2].partition("## Layers")[0]


def test_every_attack_stands_behind_a_promise_and_no_other_name_does():
    named = [" ".join(name.split()) for name in re.findall(r'"([^"]+)"', PROMISES)]
    assert sorted(named) == sorted(attack.name for attack in attacks.ATTACKS)


def test_every_promise_is_tried():
    promises = re.split(r"\n\*\*\d+\. ", PROMISES)[1:]
    assert len(promises) == 11
    assert all("Tried by" in promise for promise in promises)


def test_every_file_that_is_named_is_there():
    named = set(re.findall(r"`(tests/[\w/.]+|sandbox/\w+\.py|grading/|solutions/)`", PAGE))
    assert len(named) >= 10
    for name in named:
        path = ROOT / (f"aisys_cli/{name}" if name.startswith("sandbox/") else name)
        assert path.exists(), name


def test_the_ranks_attack_both_worlds():
    worlds = [attack.gloo for attack in ranks.ATTACKS]
    assert worlds.count(True) > 30
    assert worlds.count(False) > 30
