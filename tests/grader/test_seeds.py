"""Seeds: the same for the same check, another for every other; secrets only where hidden."""

import msgspec
import pytest

from aisys_cli.grader.seeds import SECRET_VARIABLE, check_seed, course_secret


@pytest.fixture
def facts(lab):
    return lab.facts


def seed_of(facts, id, *, seed=1, secret=""):
    check = next(check for check in facts.checks if check.id == id)
    return check_seed(facts, check, seed, secret=secret)


def test_a_seed_does_not_change_from_release_to_release(facts):
    """A change here changes the inputs of every check of every course."""
    assert seed_of(facts, "1.1") == 14574468400143127000


def test_every_check_and_number_has_its_own(facts):
    seeds = {seed_of(facts, check.id, seed=n) for check in facts.checks for n in range(50)}
    assert len(seeds) == 50 * len(facts.checks)
    assert all(0 <= seed < 1 << 64 for seed in seeds)


def test_a_new_version_of_the_lab_has_other_inputs(facts):
    newer = msgspec.structs.replace(facts, version=2)
    assert seed_of(newer, "1.1") != seed_of(facts, "1.1")


def test_the_secret_changes_hidden_checks_only(facts):
    assert seed_of(facts, "2.1", secret="a") != seed_of(facts, "2.1", secret="b")
    assert seed_of(facts, "2.1", secret="a") != seed_of(facts, "2.1")
    assert seed_of(facts, "1.1", secret="a") == seed_of(facts, "1.1")


def test_secrets_that_begin_alike_are_told_apart(facts):
    long = "x" * 64
    assert seed_of(facts, "2.1", secret=long + "a") != seed_of(facts, "2.1", secret=long + "b")


@pytest.mark.parametrize("secret", ["密钥" * 20, "a\0b", " ", "\udcff"])
def test_any_text_is_a_secret(facts, secret):
    assert seed_of(facts, "2.1", secret=secret) != seed_of(facts, "2.1")


def test_the_secret_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    assert course_secret() == ""
    monkeypatch.setenv(SECRET_VARIABLE, "a secret")
    assert course_secret() == "a secret"
