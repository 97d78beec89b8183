"""How the processes of an installation are started."""

from tests.faults.installation import commands


def test_a_command_may_get_defects_one_after_the_other():
    defective = commands(1, "embedded").with_defect("brief-lease").with_defect("another-host")
    assert defective.worker[:4] == ("-m", "tests.faults.defective", "brief-lease,another-host", "--")
    assert defective.web[2] == "brief-lease,another-host"


def test_a_command_without_a_defect_stays_as_it_is():
    assert commands(1, "embedded").with_defect("", web="", worker="") == commands(1, "embedded")
