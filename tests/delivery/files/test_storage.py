"""Stored content: on disk before anybody hears of it, once for all who have it, and repaired by who sends it again."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from delivery.files import storage
from tests.delivery.factories import a_file, left, stored


class Sync(NamedTuple):
    """What was synced, and what there was then."""

    inode: int
    size: int
    there: frozenset[Path]


@pytest.fixture
def syncs(attachment_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sync]:
    """Every fsync, with all files and folders that the storage had at that moment."""
    seen: list[Sync] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        state = os.fstat(handle)
        seen.append(Sync(state.st_ino, state.st_size, frozenset(attachment_folder.parent.rglob("*"))))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def entries_on_disk(file: Path, root: Path, syncs: list[Sync]) -> list[Path]:
    """Return what leads to the file, itself included, and whose entry was synced when it was there."""
    chain = [file, *(folder for folder in file.parents if folder.is_relative_to(root))]
    return [
        one
        for one in chain
        if any(sync.inode == one.parent.stat().st_ino and one in sync.there for sync in syncs)
    ]


def test_content_is_on_disk_whole_before_it_gets_its_name(attachment_folder: Path, syncs: list[Sync]) -> None:
    file = stored(attachment_folder, a_file(b"content"))
    own = [sync for sync in syncs if sync.inode == file.stat().st_ino]
    assert [(sync.size, file in sync.there) for sync in own] == [(len(b"content"), False)]


def test_the_names_that_lead_to_content_are_on_disk_when_it_is_kept(
    attachment_folder: Path, syncs: list[Sync]
) -> None:
    file = stored(attachment_folder, a_file())
    assert entries_on_disk(file, attachment_folder, syncs) == [file, *list(file.parents)[:3]]


def test_names_that_another_process_may_not_have_synced_are_synced(
    attachment_folder: Path, syncs: list[Sync]
) -> None:
    file = stored(attachment_folder, a_file())
    syncs.clear()
    stored(attachment_folder, a_file())  # it is there; its writer may have been killed before the sync
    assert entries_on_disk(file, attachment_folder, syncs) == [file, *list(file.parents)[:2]]


def test_folders_that_another_process_may_not_have_synced_are_synced(
    attachment_folder: Path, syncs: list[Sync]
) -> None:
    folder = (
        attachment_folder / storage.path("ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73")
    ).parent
    folder.mkdir(parents=True)
    file = stored(attachment_folder, a_file(b"content"))
    assert file.parent == folder
    assert entries_on_disk(file, attachment_folder, syncs) == [file, *list(file.parents)[:2]]


def test_whole_content_is_stored_once(attachment_folder: Path) -> None:
    first = stored(attachment_folder, a_file()).stat().st_ino
    assert stored(attachment_folder, a_file()).stat().st_ino == first


@pytest.mark.parametrize("damaged", [b"CONTENT", b"cont", b"", b"content and more"])
def test_a_damaged_copy_is_replaced_by_who_stores_the_content_again(
    attachment_folder: Path, damaged: bytes
) -> None:
    file = stored(attachment_folder, a_file())
    file.write_bytes(damaged)
    assert stored(attachment_folder, a_file()).read_bytes() == b"content"
    assert left(attachment_folder) == [file]


def test_damaged_content_is_not_stored_as_something_else(attachment_folder: Path) -> None:
    with pytest.raises(storage.Damaged):
        storage.keep(replace(a_file(b"CONTENT"), sha256=storage.keep(a_file(b"content"))))
    assert len(left(attachment_folder)) == 1
