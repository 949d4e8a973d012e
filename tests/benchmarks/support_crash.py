"""Kills the process that changes the knowledge many times, and counts how often index and database disagree afterwards.

    python -m tests.benchmarks.support_crash --kills 100
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kits.support.killing import kill_often


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    changes = behind = 0
    faults: list[str] = []
    with TemporaryDirectory() as place:
        folder = Path(place)
        database = f"sqlite:///{folder / 'support.db'}"
        for last, followed, found in kill_often(database, folder / "index", options.kills, options.seed):
            changes, behind = last, behind + (followed < last)
            faults += found
    counts = {"kills": options.kills, "changes": changes, "index_was_behind": behind, "disagreements": len(faults)}
    print(json.dumps(counts | {"faults": faults[:5]}))


if __name__ == "__main__":
    main()
