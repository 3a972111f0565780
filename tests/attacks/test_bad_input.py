"""Each submission of bad_input.py on its own way: from the disk to its report; then all at once."""

import json

import pytest
from bad_input import BAD, HONEST
from harness import verdicts

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.bulk.intake import find_submissions, read_submission
from aisys_cli.bulk.run import job_for
from aisys_cli.report.records import without_durations


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Every submission, good and bad, as a teacher has them."""
    made = tmp_path_factory.mktemp("submissions")
    for name, bad in BAD.items():
        (made / name).mkdir()
        bad.make(made / name)
    for name, source in HONEST.items():
        (made / name).mkdir()
        (made / name / "small.py").write_text(source)
    return made


def graded(pool, lab, found):
    jobs = (job_for(read_submission(id, path, lab), seed=1) for id, path, *_ in found)
    return {done.report.submission: done.report for done in pool.grade(jobs)}


@pytest.fixture(scope="session")
def reports(pool, lab, folder):
    return graded(pool, lab, find_submissions(folder))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_its_verdict_and_the_words_that_help(reports, name):
    bad, report = BAD[name], reports[name]
    assert tuple(verdicts(report).values()) == bad.verdicts
    assert report.notes == bad.notes
    assert report.score == sum(c.max_score for c in report.checks if c.verdict == "pass")
    if bad.words:
        first = next(check for check in report.checks if check.verdict != "pass")
        where = first.evidence.where if first.evidence else None
        assert bad.words in first.message
        assert "\n" not in first.message
        assert (where and where.line) == bad.line
        assert where is None or where.file == "small.py"


def test_what_is_printed_is_kept_in_bounds(reports):
    report = reports["import-prints-a-gigabyte"]
    assert all(len(check.output) < 9000 for check in report.checks)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_report_is_what_it_is_alone(reports, pool, lab, folder, name):
    alone = graded(pool, lab, [(name, folder / name)])[name]
    assert without_durations(reports[name]) == without_durations(alone)
    assert alone.score == (8 if name == "honest-3" else 10)


def test_all_of_them_in_one_run_of_the_command(reports, folder, aisys, tmp_path):
    written = tmp_path / "all.json"
    done = aisys("grade-all", folder, "--lab", "small", "-j", "2", "--report", f"json={written}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    told = {one["submission"]: one for one in json.loads(written.read_text())["reports"]}
    assert set(told) == {*BAD, *HONEST}
    for id, report in reports.items():
        assert [c["verdict"] for c in told[id]["checks"]] == list(verdicts(report).values()), id
        assert told[id]["score"] == report.score, id
    with Gradebook(tmp_path / "gradebook.db") as book:
        kept = {one.submission: without_durations(one) for one in book.latest("small")}
    for id, report in reports.items():
        assert kept[id] == without_durations(report), id
    again = aisys("grade-all", folder, "--lab", "small")
    assert f"{len(kept)} of {len(kept)} already graded" in again.stderr
