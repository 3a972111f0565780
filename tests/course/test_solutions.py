"""Reference, wheats and chaffs on disk: what is read, and what is refused with its reason."""

import pytest

from aisys_cli.course import solutions
from aisys_cli.course.load import load_lab
from aisys_cli.errors import CourseError


@pytest.fixture
def own_lab(own_course):
    return load_lab(own_course, "small")


def write_chaff(lab, text, name="new"):
    path = lab.solutions / f"chaffs/{name}.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def by_name(found):
    return {one.name: one for one in found}


def test_the_small_course_has_all_kinds(lab):
    assert list(solutions.starter(lab).files) == ["small.py"]
    assert list(solutions.reference(lab).files) == ["small.py"]
    assert [one.name for one in solutions.wheats(lab)] == ["wheat-floats", "wheat-numbers"]
    assert [one.name for one in solutions.chaffs(lab)] == [
        "chaff-adds-one",
        "chaff-neg-is-identity",
        "chaff-scales-in-half",
    ]


def test_an_edit_changes_one_place_of_the_reference_and_no_other(lab):
    reference = solutions.reference(lab).files["small.py"].decode()
    chaff = by_name(solutions.chaffs(lab))["chaff-neg-is-identity"]
    assert chaff.files["small.py"].decode() == reference.replace("return -a", "return a")
    assert chaff.facts.rejected_by == ["2.1"]
    assert "return -a" in reference


def test_a_folder_of_a_chaff_holds_its_whole_files(lab):
    chaff = by_name(solutions.chaffs(lab))["chaff-scales-in-half"]
    folder = lab.solutions / "chaffs/scales-in-half"
    assert chaff.files == {"small.py": (folder / "small.py").read_bytes()}
    assert chaff.facts.may_fail == ["2.1"]


def test_edits_are_made_one_after_another(own_lab):
    write_chaff(
        own_lab,
        'mistake = "two"\nrejected_by = ["1.1"]\nedits = [\n'
        '{ old = "return a + b", new = "return first(a, b)" },\n'
        '{ old = "first(a, b)", new = "a" },\n]\n',
    )
    text = by_name(solutions.chaffs(own_lab))["chaff-new"].files["small.py"].decode()
    assert "def add(a, b):\n    return a\n" in text


HEAD = 'mistake = "m"\nrejected_by = ["2.1"]\n'
EDIT = '[[edits]]\nold = "return -a"\nnew = "return a"\n'
WRONG = {
    "an edit that matches nothing": (
        HEAD + '[[edits]]\nold = "return +a"\nnew = ""\n',
        ["edits.old", "'return +a'", "0 times", "small.py"],
    ),
    "an edit that matches twice": (
        HEAD + '[[edits]]\nold = "def "\nnew = ""\n',
        ["edits.old", "'def '", "4 times"],
    ),
    "a check that is not there": (
        HEAD.replace("2.1", "2.9") + EDIT,
        ["'2.9'", "no check of small"],
    ),
    "an unknown check that may fail": (
        HEAD + 'may_fail = ["9.1"]\n' + EDIT,
        ["'9.1'", "no check of small"],
    ),
    "nobody to reject it": (HEAD.replace('"2.1"', "") + EDIT, ["rejected_by names no check"]),
    "no word on who rejects it": ('mistake = "m"\n' + EDIT, ["missing", "rejected_by"]),
    "no mistake": ('rejected_by = ["2.1"]\n' + EDIT, ["missing", "mistake"]),
    "neither edits nor a folder": (HEAD, ["either `edits` or the folder new/"]),
    "an unknown key": ('severity = "high"\n' + HEAD + EDIT, ["unknown field", "severity"]),
    "an unknown key of an edit": (HEAD + EDIT + "count = 2\n", ["unknown field", "count"]),
    "broken TOML": (HEAD + "[[edits]\n", ["line 3"]),
    "an edit of a file that is not there": (HEAD + EDIT + 'file = "more.py"\n', ["'more.py'"]),
    "text in another encoding": (b'mistake = "\xd0\xa1"\xff\n', ["UTF-8"]),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_chaff_is_named_with_its_reason(own_lab, text, words):
    path = write_chaff(own_lab, text)
    with pytest.raises(CourseError) as raised:
        solutions.chaffs(own_lab)
    for word in [str(path), *words]:
        assert word in raised.value.message


def test_edits_and_a_folder_together_are_refused(own_lab):
    path = own_lab.solutions / "chaffs/scales-in-half.toml"
    path.write_text(path.read_text() + '[[edits]]\nold = "return -a"\nnew = ""\n')
    with pytest.raises(CourseError, match=r"either `edits` or the folder scales-in-half/"):
        solutions.chaffs(own_lab)


def test_a_solution_without_a_file_is_named(own_lab):
    folder = own_lab.solutions / "wheats/empty"
    folder.mkdir()
    with pytest.raises(CourseError, match=r"wheats/empty has no Python file"):
        solutions.wheats(own_lab)


def test_without_solutions_there_is_no_reference(own_lab):
    (own_lab.solutions / "reference/small.py").unlink()
    with pytest.raises(CourseError, match="reference has no Python file"):
        solutions.reference(own_lab)
