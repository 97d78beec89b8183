"""What is played when: the parts of a run, and the defects that a short one has."""

import pytest

from tests.faults import __main__ as program
from tests.faults import seeds, trials

SERVER = ["--database-url", "postgres://localhost"]


def chosen(*arguments):
    return program._parser().parse_args(arguments)


def names(defects):
    return {one.name for one in defects}


def test_the_databases_share_out_the_defects_of_a_short_run():
    there, here = (names(program._defects(chosen("--quick", *more))) for more in (SERVER, []))
    assert there
    assert here
    assert not there & here
    assert there | here < names(seeds.DEFECTS)


def test_every_trial_of_a_short_run_fits_its_database():
    for kind, table in trials.QUICK.items():
        assert all(kind in one.on for one in table)


@pytest.mark.parametrize("arguments", [["--defects"], ["--quick", "--part", "defects"], []])
def test_a_run_of_the_defects_has_them_all(arguments):
    assert program._defects(chosen(*arguments)) == seeds.DEFECTS


def test_a_short_run_on_postgresql_leaves_out_the_bad_days_of_a_provider():
    assert program._parts(chosen("--quick", *SERVER)) == ("trials", "defects")
    assert program._parts(chosen("--quick")) == program.PARTS
