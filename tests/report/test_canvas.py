"""Canvas: one column of its own export is filled in, and not a byte else is changed."""

import csv
import io
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import attempt, grade

from aisys_cli.errors import UsageError
from aisys_cli.report.exports.canvas import fill

# As Canvas writes it: the row of posting, of points with blanks before it, the test student.
EXPORT = """\
Student,ID,SIS User ID,SIS Login ID,Section,small (101),Essay (102),Final Score
,,,,,Manual Posting,,(read only)
    Points Possible,,,,,10,20,(read only)
"Li, Ming",11,s-11,li-ming,"Lab, Mo",,3,15.0
"Wang, ""Ada"" Lin",12,s-12,wang@x.edu,Lab Tu, 4.00 ,,20.0
Chen,13,s-13,chen,"Mo, ""Tu"" too",EX,5,
"Student, Test",99,,aaaa,Lab Tu,,,
"""


def scored(id, score, **fields):
    return grade(attempt("pass"), submission=id, score=score, **fields)


def filled(text, *grades, names=("small",), max_score=10, **options):
    data = text if isinstance(text, bytes) else text.encode()
    return fill(data, grades, names=names, max_score=max_score, **options)


def column(text, number=5, delimiter=","):
    """The cells of a column, by the Canvas id of the row."""
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return {row[1]: row[number] for row in rows if len(row) > number and row[1].isdigit()}


def test_one_column_is_filled_and_the_rest_is_as_it_was():
    done = filled(EXPORT, scored("li-ming", 7), scored("12", 10))
    wanted = EXPORT.replace('"Lab, Mo",,', '"Lab, Mo",7,').replace(" 4.00 ", "10")
    assert done.data.decode() == wanted
    assert (done.column, done.written, done.unknown, done.excused) == ("small (101)", 2, (), ())
    assert done.notes == ()


def test_without_a_grade_nothing_changes():
    assert filled(EXPORT).data.decode() == EXPORT
    infra = grade(attempt("infra"), submission="12")
    missing = grade(submission="nobody")
    done = filled(EXPORT, infra, missing)
    assert done.data.decode() == EXPORT
    assert done.unknown == ()


def test_a_zero_is_written():
    assert column(filled(EXPORT, scored("11", 0)).data.decode())["11"] == "0"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "end"])
def test_every_form_of_the_file_stays_what_it_is(end, delimiter, mark, last):
    text = EXPORT.replace(",", delimiter).replace("\n", end)
    text = mark + (text + last if last else text.removesuffix(end))
    done = filled(text, scored("13x", 1), scored("11", 7))
    quoted = f'"Lab{delimiter} Mo"{delimiter}'
    assert done.data.decode() == text.replace(quoted + delimiter, f"{quoted}7{delimiter}")
    assert done.unknown == ("13x",)


def test_a_cell_with_line_breaks_is_one_cell():
    text = EXPORT.replace("Lab Tu", '"Lab\nTu"')
    done = filled(text, scored("12", 9))
    assert done.data.decode() == text.replace(" 4.00 ", "9")


cells = st.text(st.sampled_from('ab",;\r\n\ufeff '), max_size=8)


@given(st.lists(st.lists(cells, max_size=9), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_in_other_rows_stays(rows, end):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end)
    writer.writerow(EXPORT.splitlines()[0].split(","))
    writer.writerows(rows)
    assert filled(file.getvalue(), scored("none such", 1)).data.decode() == file.getvalue()


@given(st.text(st.sampled_from('ab",;\r\n'), max_size=40))
def test_text_that_is_hardly_csv_stays_too(text):
    text = EXPORT + text
    assert filled(text, scored("none such", 1)).data.decode() == text


# -- who is who ------------------------------------------------------------------------

MANY = """\
Student,ID,SIS User ID,SIS Login ID,Section,small (101)
    Points Possible,,,,,10
"Ming, Li",1,a,l1,S,
"Ada, Wang",2,b,l2,S,
"Ada, Chen",3,3x,l3,S,
Zhao Qian,4,1,l4,S,
李明,5,e,l5@x.edu,S,
"Sun, Jo",6,f,2,S,
"Sun, Jo",7,g,dup,S,
Doe,8,h,dup,S,
"""
MATCHES = {
    "the id of Canvas goes first": (scored("1", 5), "1"),
    "then that of the school": (scored("b", 5), "2"),
    "then the login": (scored("l3", 5), "3"),
    "in any case": (scored("L3", 5), "3"),
    "the id before the school's": (scored("3", 5), "3"),
    "the id before the login": (scored("2", 5), "2"),
    "an address as login": (scored("x", 5, email="L5@x.edu"), "5"),
    "a name": (scored("x", 5, name="Li Ming"), "1"),
    "a name the other way": (scored("x", 5, name="Ming, Li"), "1"),
    "a name without blanks, as in a download": (scored("adawang", 5), "2"),
    "a name in Chinese": (scored("李明", 5), "5"),
    "a name in one piece": (scored("zhao-qian", 5), "4"),
    "an address is no id": (scored("x", 5, email="a"), ""),
    "two of one name": (scored("x", 5, name="Jo Sun"), ""),
    "two of one login": (scored("dup", 5), ""),
    "nobody": (scored("nobody", 5), ""),
    "no name": (scored("---", 5), ""),
}


@pytest.mark.parametrize(("one", "row"), MATCHES.values(), ids=MATCHES)
def test_a_student_is_found_as_canvas_finds_one(one, row):
    done = filled(MANY, one)
    written = {id for id, cell in column(done.data.decode()).items() if cell}
    assert written == ({row} if row else set())
    assert done.unknown == (() if row else (one.submission,))


def test_a_better_match_takes_the_row():
    done = filled(MANY, scored("li-ming", 3, name="Li Ming"), scored("1", 9))
    assert column(done.data.decode())["1"] == "9"
    assert done.unknown == ("li-ming",)


def test_two_who_match_alike_get_nothing():
    done = filled(MANY, scored("x", 3, name="Wang Ada"), scored("y", 9, name="Ada Wang"))
    assert done.data.decode() == MANY
    assert done.unknown == ("x", "y")


def test_names_in_two_columns_are_read():
    text = """\
    LastName,FirstName,ID,Section,small (101)
    Ming,Li,1,S,
    Wang,Ada,2,S,4
    """
    text = textwrap.dedent(text)
    done = filled(text, scored("x", 8, name="Ada Wang"), scored("1", 6))
    assert done.data.decode() == text.replace("1,S,", "1,S,6").replace("S,4", "S,8")


@pytest.mark.parametrize("row", ["Points Possible", "", "muted", "Manual Posting (all)"])
def test_rows_of_no_student_are_never_filled(row):
    text = EXPORT + f"{row},77,,77,77,,,\n"
    if row == "Points Possible":
        assert filled(text, scored("77", 9)).unknown == ("77",)
    text = EXPORT + f"{row},,,,,{row},,\n"
    assert filled(text, scored("", 9), scored("muted", 9)).data.decode() == text


def test_a_row_that_is_too_short_has_no_room_for_a_score():
    text = EXPORT + "Sun,14,,sun,S\n"
    done = filled(text, scored("14", 9))
    assert (done.data.decode(), done.unknown) == (text, ("14",))


@pytest.mark.parametrize("word", ["EX", "ex", " Ex "])
def test_who_is_excused_stays_excused_and_is_told(word):
    text = EXPORT.replace("EX", word)
    done = filled(text, scored("13", 9))
    assert done.data.decode() == text
    assert (done.excused, done.written) == (("13",), 0)


# -- which column ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "asked", "title"),
    [
        (["small", "Arithmetic"], "", "small (101)"),
        (["SMALL"], "", "small (101)"),
        (["x"], "Essay", "Essay (102)"),
        (["x"], "essay (102)", "Essay (102)"),
        (["small"], "102", "Essay (102)"),
    ],
)
def test_a_column_is_found_by_a_name_of_the_lab_or_as_asked(names, asked, title):
    done = filled(EXPORT, scored("11", 8), names=names, column=asked, max_score=20)
    assert done.column == title
    assert column(done.data.decode(), 5 if title[0] == "s" else 6)["11"] == "8"


@pytest.mark.parametrize("asked", ["Section", "Final Score", "ID", "smal", "10", "", "("])
def test_no_column_is_ever_made_up(asked):
    with pytest.raises(UsageError) as raised:
        filled(EXPORT, names=["quiz"], column=asked)
    assert f'"{asked or "quiz"}"' in raised.value.message
    assert "small (101), Essay (102)" in raised.value.remedy
    assert "--column" in raised.value.remedy


def test_a_title_that_canvas_takes_for_a_sum_is_no_column():
    with pytest.raises(UsageError) as raised:
        filled(EXPORT.replace("small (101)", "Final Grade (101)"), column="101")
    assert "There are: Essay (102)" in raised.value.remedy


DELIMITERS = {
    "semicolons in titles": ("Essay; a; b; c (102)", ","),
    "one semicolon in every line": ("Essay;x (102)", ","),
    "commas in titles": ("Essay, a, b, c (102)", ";"),
}


@pytest.mark.parametrize(("title", "delimiter"), DELIMITERS.values(), ids=DELIMITERS)
def test_a_delimiter_in_a_title_is_part_of_the_title(title, delimiter):
    text = EXPORT.replace(",", delimiter).replace("Essay (102)", f'"{title}"')
    done = filled(text, scored("11", 8), column="102", max_score=20)
    assert done.column == title
    assert column(done.data.decode(), 6, delimiter)["11"] == "8"


def test_two_columns_of_one_title_must_be_told_apart():
    text = EXPORT.replace("Essay (102)", "Small (102)")
    with pytest.raises(UsageError, match="has 2 columns"):
        filled(text)
    assert filled(text, column="101").column == "small (101)"


def test_a_file_without_assignments_says_so():
    with pytest.raises(UsageError) as raised:
        filled("Student,ID,Section,Notes\nx,1,S,\n")
    assert "There are: none" in raised.value.remedy


@pytest.mark.parametrize("word", ["read only", "(read only)", "(Read Only)"])
def test_a_column_that_canvas_would_ignore_is_refused(word):
    with pytest.raises(UsageError, match=r"small \(101\).* is read only"):
        filled(EXPORT.replace(",10,", f",{word},"))


@pytest.mark.parametrize(
    ("cell", "note"),
    [
        ("10", ""),
        ("10.00", ""),
        ("100", "Canvas gives 100 points for it, the lab 10"),
        ("", "Canvas gives no points for it, the lab 10"),
        ("ten", "Canvas gives ten points for it, the lab 10"),
    ],
)
def test_other_points_than_the_labs_are_told(cell, note):
    done = filled(EXPORT.replace(",10,", f",{cell},"))
    assert done.notes == ((note,) if note else ())


def test_points_with_a_comma_and_no_row_of_points_are_fine():
    assert filled(EXPORT.replace(",", ";").replace(";10;", ";10,0;")).notes == ()
    assert filled(EXPORT.replace("    Points Possible", "x")).notes == ()
    row = "    Points Possible,,,,,10,20,(read only)"
    assert filled(EXPORT.replace(row, "Points Possible")).notes == ()


# -- what is no export of Canvas -----------------------------------------------------------

WRONG = {
    "nothing": (b"", '"" and not'),
    "another table": (b"name,score\nx,1\n", '"name, score" and not'),
    "two columns": (b"Student,ID\nx,1\n", "and not"),
    "nothing after the login": (b"Student,ID,SIS User ID,SIS Login ID\n", 'comes "" and not'),
    "no section": (b"Student,ID,SIS User ID,Section,x (1)\n", 'comes "SIS User ID" and not'),
    "no section before the titles": (b"Student,ID,small (1),Section\n", 'comes "small (1)"'),
    "the id missing": (b"Student,Section,small (1)\n", "Student, Section, small (1)"),
    "another encoding": (EXPORT.replace("Chen", "李明").encode("gbk"), "not UTF-8 at byte"),
    "utf-16": (EXPORT.encode("utf-16"), "not UTF-8 at byte 0"),
}


@pytest.mark.parametrize(("data", "words"), WRONG.values(), ids=WRONG)
def test_what_canvas_would_refuse_is_refused(data, words):
    with pytest.raises(UsageError) as raised:
        filled(data)
    assert "no gradebook that Canvas exported" in raised.value.message
    assert words in raised.value.message
    assert "Export" in raised.value.remedy


@pytest.mark.parametrize(
    "header",
    [
        "Student,ID,Section",
        "Student,ID,Section,Notes",
        "Student,ID,SIS User ID,SIS Login ID,Integration ID,Section",
        "Student,ID,SIS User ID,SIS Login ID,Root Account,Section",
        "Student Name,ID,SIS Login ID,Section",
        "Student,ID,SIS User ID,SIS Login ID,Integration ID,Root Account,Section",
        "LastName,FirstName,ID,SIS Login ID,Section",
    ],
)
def test_every_header_that_canvas_takes_is_taken(header):
    row = ["x"] * (header.count(",") + 1)
    row[header.split(",").index("ID")] = "5"
    done = filled(f"{header},small (1)\n{','.join(row)},\n", scored("5", 4))
    assert done.written == 1
