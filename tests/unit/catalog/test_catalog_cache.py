"""The catalogue from one start to the next."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import pytest
from catalog_kit import Clock, Make, Shelf, gift, gifts, ids, items, nothing, settled

from sendoso_mcp.api import Sendoso
from sendoso_mcp.catalog import CacheFile, Catalog, Filters
from sendoso_mcp.settings import Settings

pytestmark = pytest.mark.anyio
POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "catalogue-1"


async def filled(catalog_of: Make, path: Path, shelf: Shelf, clock: Callable[[], float] = time.time) -> None:
    """Leaves a cache behind, as a process that read everything."""
    # Left when the catalogue has written by itself: else that could come after what a test does to the file.
    async with anyio.create_task_group() as tasks:
        await items(Catalog(cast(Sendoso, shelf), tasks, now=clock, cache=partial(CacheFile, path)))
    shelf.pages.clear()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def spoil(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(path.read_bytes()))


async def hang(page: int) -> None:
    await anyio.sleep_forever()


async def test_a_later_start_answers_at_once_from_what_was_kept(catalog_of: Make, path: Path) -> None:
    shelf, clock = Shelf(gifts(450)), Clock()
    await filled(catalog_of, path, shelf, clock)
    before = await ids(catalog_of(shelf, clock))
    shelf.while_reading = hang
    clock.time += 40 * 3600
    again = catalog_of(shelf, clock, cache=partial(CacheFile, path))
    with anyio.fail_after(2):
        answer = await again.search("", Filters(include_unavailable=True), limit=1000)
    assert [item.id for item in answer.items] == before
    assert answer.partial == "As Sendoso had it 40 hours ago; being read again."


async def test_what_was_kept_is_read_again_in_the_background(catalog_of: Make, path: Path) -> None:
    shelf, clock = Shelf(gifts(150)), Clock()
    await filled(catalog_of, path, shelf, clock)
    shelf.items.append(gift("new"))
    shelf.items[0] = gift("itm_0000", 55)
    clock.time += 3600
    again = catalog_of(shelf, clock, cache=partial(CacheFile, path))
    assert "new" not in await ids(again)
    await settled(again)
    assert "new" in await ids(again)
    assert str((await items(again))[-1].price) == "55.00"


async def test_a_quote_after_a_restart_costs_one_request_and_its_price_is_not_from_the_cache(
    catalog_of: Make, path: Path
) -> None:
    shelf = Shelf(gifts(20_000))
    await filled(catalog_of, path, shelf)
    shelf.items[12_345] = gift("itm_12345", 77)
    item = await catalog_of(shelf, cache=partial(CacheFile, path)).find("itm_12345")
    assert str(item.price) == "77.00"
    assert shelf.pages == [124]


@POSIX
async def test_only_its_user_can_read_it(catalog_of: Make, path: Path) -> None:
    umask = os.umask(0)
    try:
        await filled(catalog_of, path, Shelf(gifts(3)))
    finally:
        os.umask(umask)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert names(path.parent) == [path.name]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def no_database(content: bytes) -> bytes:
    """Whole by its own digest, but no database."""
    inside = b"not a database" * 1000
    head = len(b"sendoso-mcp catalogue\n") + 32
    return content[:head] + hashlib.sha256(inside).digest() + inside


def other_database(content: bytes) -> bytes:
    """A database of something else."""
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE gift (key)")
    inside = database.serialize()
    database.close()
    head = len(b"sendoso-mcp catalogue\n") + 32
    return content[:head] + hashlib.sha256(inside).digest() + inside


DAMAGES = [cut, flip, no_database, other_database, lambda _: b"", lambda _: b"\0" * 5000]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut", "flipped", "no database", "other", "empty", "zeros"])
async def test_a_damaged_cache_is_as_good_as_none_and_made_anew(
    catalog_of: Make, path: Path, damage: Callable[[bytes], bytes]
) -> None:
    shelf = Shelf(gifts(250))
    await filled(catalog_of, path, shelf)
    spoil(path, damage)
    again = catalog_of(shelf, cache=partial(CacheFile, path))
    assert len(await items(again)) == 250
    assert sorted(shelf.pages) == [1, 2, 3]
    await (await again._open()).keep()
    shelf.while_reading = hang
    assert len(await items(catalog_of(shelf, cache=partial(CacheFile, path)))) == 250


def test_what_another_version_kept_is_not_used(path: Path) -> None:
    CacheFile(path, "one format").write(b"content")
    assert CacheFile(path, "one format").read() == b"content"
    assert CacheFile(path, "another format").read() is None


@POSIX
def test_what_others_could_have_written_or_read_is_not_used(path: Path, tmp_path: Path) -> None:
    file = CacheFile(path, "format")
    assert file.read() is None
    file.write(b"content")
    path.chmod(0o644)
    assert file.read() is None
    path.chmod(0o600)
    assert file.read() == b"content"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert file.read() is None
    file.write(b"new")  # replaces the link, not what it points at
    assert file.read() == b"new"
    assert (tmp_path / "elsewhere").read_bytes().endswith(b"content")
    path.unlink()
    os.mkfifo(path, 0o600)
    assert file.read() is None
    path.unlink()
    path.mkdir()
    assert file.read() is None
    file.write(b"cannot be written")
    assert names(path.parent) == [path.name]


async def test_without_a_place_to_keep_it_the_search_works(catalog_of: Make) -> None:
    shelf = Shelf(gifts(3))
    catalog = catalog_of(shelf, cache=partial(CacheFile, Path(os.devnull) / "catalogue-1"))
    assert len(await items(catalog)) == 3
    await (await catalog._open()).keep()
    shelf.while_reading = nothing
    assert (await catalog.find("itm_0001")).id == "itm_0001"


def test_files_that_nobody_uses_any_more_are_removed(path: Path) -> None:
    file = CacheFile(path, "format")
    file.write(b"content")
    old = [path.with_name("catalogue-old"), path.with_name(".catalogue-1.killed")]
    kept = [path.with_name("catalogue-other"), path.with_name(".catalogue-1.writing"), path.with_name("else")]
    for other in (*old, *kept):
        other.touch()
    for other in old:
        os.utime(other, (0, 0))
    os.utime(kept[-1], (0, 0))
    file.write(b"content")
    assert sorted(path.parent.iterdir()) == sorted([path, *kept])


WRITER = """
import sys
from pathlib import Path
from sendoso_mcp.catalog import CacheFile
for number in range(60):
    CacheFile(Path(sys.argv[1]), "format").write(sys.argv[2].encode() * (100_000 + number))
"""


def test_two_processes_that_write_one_file_leave_it_whole_at_every_moment(path: Path) -> None:
    file = CacheFile(path, "format")
    file.write(b"0")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        content = file.read()
        assert content is not None
        assert len(set(content)) == 1
        seen.add(content[:1])
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen >= {b"a"} or seen >= {b"b"}
    assert names(path.parent) == [path.name]


def test_each_key_and_address_has_a_file_of_its_own_whose_name_tells_neither() -> None:
    key = "secret-key-of-mine"
    settings = [
        Settings(api_key=key),
        Settings(api_key="another-key"),
        Settings(api_key=key, base_url="https://eu.example.com/api/v2"),
        Settings(api_key=key, base_url="https://eu.example.com/api/v3"),
    ]
    paths = [each.catalogue_cache for each in settings]
    assert len(set(paths)) == 4
    assert not any(key in str(one) or "example" in str(one) for one in paths)
    assert settings[0].catalogue_cache == Settings(api_key=key).catalogue_cache
    assert Settings().catalogue_cache is None
