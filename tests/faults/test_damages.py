"""What is damaged on disk, and how."""

import hashlib

from tests.faults import damages


def test_every_second_file_is_altered_or_cut_or_gone(tmp_path):
    contents = {hashlib.sha256(bytes([n])).hexdigest(): bytes([n]) * 100 for n in range(6)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".part-x").touch()

    damaged = list(damages._damaged(tmp_path))

    altered, cut, gone = (tmp_path / name for name in damaged)
    assert len(altered.read_bytes()) == 100
    assert altered.read_bytes() != contents[altered.name]
    assert len(cut.read_bytes()) == 99
    assert not gone.exists()
    assert all((tmp_path / name).read_bytes() == contents[name] for name in contents.keys() - set(damaged))
