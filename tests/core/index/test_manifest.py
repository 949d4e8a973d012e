from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import StoreError
from core.index.durable import Facts
from core.index.manifest import MANIFEST, Manifest, SegmentEntry, read_manifest, write_manifest
from tests.core.index.oracle import overwrite

FACTS = Facts(5, "ab" * 32)
ENTRY = SegmentEntry("segment-00000007-0", {"documents.jsonl": FACTS}, "tombstones-00000007-0.npy", FACTS)
MADE = Manifest(7, 384, "编码器", (ENTRY,))


def test_manifest_comes_back(tmp_path: Path) -> None:
    write_manifest(tmp_path, MADE)
    assert read_manifest(tmp_path) == MADE
    assert MADE.names() == {MANIFEST, "journal-00000007", "segment-00000007-0", "tombstones-00000007-0.npy"}


def test_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    write_manifest(tmp_path, MADE)
    whole = (tmp_path / MANIFEST).read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        overwrite(tmp_path / MANIFEST, damaged)
        with pytest.raises(StoreError):
            read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": 1}', "[" * 100_000])
def test_nonsense_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(StoreError, match="damaged"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["../segment-00000007-0", "segment-00000007-0/..", "/etc", "segment-7-0"])
def test_name_that_leads_elsewhere_is_never_opened(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, Manifest(7, 384, "", (SegmentEntry(name, {}),)))
    with pytest.raises(StoreError, match="damaged"):
        read_manifest(tmp_path)


def test_folder_without_one_and_another_version_say_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no index: it has no manifest\.json"):
        read_manifest(tmp_path)
    write_manifest(tmp_path, MADE)
    document = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(document | {"format": 2}))
    with pytest.raises(StoreError, match="another version"):
        read_manifest(tmp_path)
