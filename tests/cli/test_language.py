"""The Chinese catalogue has what the code says, all of it, and nothing else."""

import ast
import inspect
import io
import re
import string
from pathlib import Path

import pytest
import typer
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from rich.cells import cell_len
from samples import DEADLOCK, EVIDENCE, VERDICTS, check, of, report
from sentences import sentence

from aisys_cli.app import app
from aisys_cli.language import (
    LOCALE,
    language_asked,
    learn,
    phrases,
    translate,
    translate_help,
)
from aisys_cli.report.text import render_report, render_summary

PACKAGE = Path(__file__).resolve().parents[2] / "aisys_cli"
PO, MO = (LOCALE / f"zh/LC_MESSAGES/aisys.{ending}" for ending in ("po", "mo"))
# Said by the option parser, through gettext; and by checks, as the name of an oracle.
OTHERS = {"Options", "Arguments", "Commands", "PyTorch", "Python", "numpy", "The handout"}
OTHERS |= {"Expected"}
# States of a lab, and how a lab was meant.
OTHERS |= {"open", "begun", "done", "lab of this directory", "current lab"}


def catalogue():
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


def in_help():
    """Every text that `--help` of some command shows."""
    todo, found = [typer.main.get_command(app)], set()
    while todo:
        one = todo.pop()
        texts = [thing.help for thing in (one, *one.params) if getattr(thing, "help", None)]
        found |= {inspect.cleandoc(text) for text in texts}
        todo += getattr(one, "commands", {}).values()
    return found


# What these are given is shown in the reader's language; of errors the remedy as well.
SHOWN = {"_", "N_", "say", "tell", "translate", "_say", "Unusable"}
ERRORS = {"AisysError", "UsageError", "CourseError", "EnvironmentFault", "NothingToDo"}


def in_code():
    """Every sentence that is given to one of these functions, with {0}, {1} for its values."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = node.args[:1] if name in SHOWN | ERRORS else []
                if name in ERRORS:
                    given += [k.value for k in node.keywords if k.arg == "remedy"]
                texts = set(filter(None, map(sentence, given)))
                found |= texts if name == "_" else set(filter(says_something, texts))
                if name == "counted" and isinstance(node.args[1], ast.Constant):
                    found |= {f"{{}} {node.args[1].value}{s}" for s in ("", "s")}
    return found


def says_something(text):
    """Commands are not translated, nor what has no word besides its values."""
    command = re.fullmatch(r" *(aisys|sudo|\{0\} -m)( [-\w./{}=:]+)*( +\(.*\))?", text)
    return re.search("[A-Za-z]{2}", re.sub(r"\{\d\}", "", text)) and not command


def test_every_text_has_a_translation_and_none_is_stale():
    have = {one.id for one in catalogue() if one.id}
    wanted = in_help() | in_code() | OTHERS
    assert len(in_code()) > 30
    assert wanted - have == set(), "untranslated"
    assert have - wanted == set(), "no longer said"


def test_translations_are_chinese_and_keep_the_values():
    for one in catalogue():
        if not one.id or one.id in ("PyTorch", "Python", "numpy"):
            continue
        assert one.string, one.id
        assert "fuzzy" not in one.flags
        assert re.search("[\u3000-\u9fff\uff00-\uffef]", one.string) or one.id.startswith("exit-")
        fields = [[name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
                  for text in (one.id, one.string)]  # fmt: skip
        assert sorted(fields[0]) == sorted(fields[1]), one.id
        assert set(re.findall("--[a-z]+", one.id)) == set(re.findall("--[a-z]+", one.string))


def test_the_compiled_catalogue_is_that_of_the_text():
    made = io.BytesIO()
    write_mo(made, catalogue())
    made.seek(0)
    with MO.open("rb") as file:
        shipped = {one.id: one.string for one in read_mo(file) if one.id}
    assert shipped == {one.id: one.string for one in read_mo(made) if one.id}, (
        "run: make catalogues"
    )


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ([], {}, "en"),
        (["--lang", "zh"], {}, "zh"),
        (["--lang=zh", "lab"], {"AISYS_LANG": "en"}, "zh"),
        ([], {"AISYS_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        (["--lang"], {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        (["--lang", "xx"], {}, "en"),
    ],
)
def test_which_language_is_asked_for(words, environment, language):
    assert language_asked(words, environment) == language


def test_help_in_chinese_fits_80_cells(aisys):
    for words in ([], ["lab"], ["lab", "test"], ["grade-all"], ["gradebook", "export"]):
        done = aisys("--lang", "zh", *words, "--help", env={"COLUMNS": "80"})
        assert done.returncode == 0, done.stderr
        assert re.search("[\u4e00-\u9fff]", done.stdout)
        assert "选项" in done.stdout


def test_help_in_english_stays_english(aisys):
    done = aisys("--help", env={"AISYS_LANG": "en", "LANG": "zh_CN.UTF-8", "LANGUAGE": "zh"})
    assert "Options" in done.stdout
    assert done.stdout.isascii()


def test_a_report_in_chinese_is_aligned_and_says_the_same():
    made = report(
        check("fail", evidence=EVIDENCE, message="values differ", output="x"),
        check("deadlock", "1.2", evidence=DEADLOCK, message="stuck"),
        check("pass", "1.3"),
        hidden_not_run=2,
        isolation="process",
        notes=("a note",),
    )
    text = render_report(made, language="zh", student=True).plain
    for words in ("最小的失败输入", "你的值", "第一处差异", "请看", "重新运行", "各 rank", "注："):
        assert words in text
    for words in ("Smallest", "Your value", "Look at", "Run it again", "passed"):
        assert words not in text
    assert all(cell_len(line) <= 80 for line in text.splitlines())
    starts = {
        cell_len(line[: line.index(value)])
        for value in ("[1.]   float64", "[-1.]   float64", "small.py:16 in scale")
        for line in text.splitlines()
        if value in line and "rank" not in line
    }
    assert starts == {23}


def test_every_summary_has_its_words_in_both_languages():
    for verdicts in (["pass"], ["fail"], ["pass", "pass"], ["pass", "fail"], [*VERDICTS]):
        for hidden in (0, 1, 2):
            made = msgspec_replace(of(*verdicts), hidden)
            assert "项" in render_summary(made, language="zh").plain
            assert render_summary(made).plain.isascii()


def msgspec_replace(made, hidden):
    import msgspec

    return msgspec.structs.replace(made, hidden_not_run=hidden)


def test_no_translation_is_no_error():
    assert phrases("zh")("something that is never said") == "something that is never said"
    assert phrases("xx")("Options") == "Options"
    translate_help(typer.main.get_command(app), "en")


def sentences():
    found = [(one.id, one.string) for one in catalogue() if one.id and "{0}" in one.id]
    return [one for one in found if not one[0].startswith("rank {0}")]  # that is a number


def test_a_sentence_is_found_with_any_values_in_it():
    assert len(sentences()) > 200
    for english, chinese in sentences():
        for values in (["v0", "v1", "v2", "v3", "v4", "v5"], ["3", "/tmp/x-1", "", "'q'"] * 2):
            said = translate(english.format(*values), "zh")
            assert said == chinese.format(*values), english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("values differ", "值不同"),
        (
            "values differ in 3 of 4 elements; yours is infinite",
            "4 个元素中有 3 个不同；你的是无穷大",
        ),
        (
            "an array of dtype int64 and shape (2,) where a dict was expected",
            "是一个 dtype 为 int64、形状为 (2,) 的数组，应为一个 dict",
        ),
        (
            "rank 1: the process died of SIGSEGV; not the same each time it runs on the same input",
            "第 1 号 rank: 进程因 SIGSEGV 而终止；同样的输入，每次运行的结果不同",
        ),
        (
            "importing the file failed: NameError: name 'x' is not defined",
            "导入文件失败: NameError: name 'x' is not defined",
        ),
        ("cannot write a b: is empty", "无法写入 a b：is empty"),
        (
            "rank 1 sends int64 of shape (2,) to rank 0 (line 7), which never receives it",
            "rank 1 把 int64 of shape (2,) 发给 rank 0（第 7 行），而后者从不接收",
        ),
        ("rank 1, tick 2 is theirs", "rank 1, tick 2 is theirs"),
    ],
)
def test_sentences_within_sentences(english, chinese):
    assert translate(english, "zh") == chinese
    assert translate(english, "en") == english


def test_what_a_lab_says_is_learned():
    learn("zh", {"the cat sits on {0}": "猫坐在 {0} 上", "the mat": "垫子"})
    assert (
        translate("the cat sits on the mat; last seen in f", "zh") == "猫坐在 垫子 上；最后停在 f"
    )
    assert translate("the cat sits on the mat", "en") == "the cat sits on the mat"


def test_the_words_of_a_submission_stay_its_own():
    for text in (
        "ValueError: the list is empty",
        "AttributeError: 'float' object has no attribute 'negated'",
        "Strange: a is gone",
        "an exception of theirs",
        "",
    ):
        assert translate(text, "zh") == text


def test_hostile_text_takes_no_time_to_speak_of():
    for text in ("; " * 50_000, "rank 1: " * 300, "a is empty: " * 5000, "\n" * 20_000):
        assert isinstance(translate(text, "zh"), str)


def test_errors_are_said_in_the_readers_language(aisys):
    done = aisys("--lang", "zh", "grade", "nothing-there")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["aisys: nothing-there 不存在", "       请给出一个文件夹、.py 文件或 .zip 文件。"],
    )
    in_json = aisys("--lang", "zh", "grade", "nothing-there", "--format", "json")
    assert "does not exist" in in_json.stderr  # for programs, which do not know Chinese
