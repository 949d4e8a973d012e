"""What is deployed calls verbs, options and settings that exist, and files that systemd and Compose can read."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.cli import SHARED
from kits.sentiment.__main__ import OPTIONS, VERBS
from kits.sentiment.config import SentimentConfig, read_config

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))


def commands() -> list[list[str]]:
    """From the verb on, what units, Compose and their guide start."""
    found = [re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.M)[0] for unit in UNITS]
    found += re.findall(r"`([^`]*kits\.sentiment [^`]*)`", (DEPLOY / "README.md").read_text(encoding="utf-8"))
    lists = [shlex.split(command) for command in found]
    lists += [service["command"] for service in COMPOSE["services"].values() if "command" in service]
    return [words[words.index("kits.sentiment") + 1 :] for words in lists]


def test_commands_have_verbs_and_options_that_exist() -> None:
    verbs = set()
    for verb, *words in commands():
        verbs.add(verb)
        known = {f"--{name}" for name in (*VERBS[verb].options, *SHARED)}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known, verb
        assert {f"--{name}" for name in VERBS[verb].required} <= given, verb
        for setting in (word for word in words if word.startswith("--set=")):
            read_config(set=[setting.removeprefix("--set=")])
    assert verbs == {"monitor", "serve", "key"}
    assert set(OPTIONS) >= {"store", "source", "name", "scopes"}


def test_configuration_that_both_processes_read_is_one() -> None:
    config = read_config(config=DEPLOY / "monitor.toml")
    assert isinstance(config, SentimentConfig)
    text = (DEPLOY / "monitor.toml").read_text(encoding="utf-8")
    whole = re.sub(r"^# (?=\[|name|url|watch|quiet)", "", text, flags=re.M)
    tomllib.loads(re.sub(r'^(watch = "[^"]*") .*$', r"\1", whole, flags=re.M))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            pytest.fail("systemd-analyze is not there")
        pytest.skip("no systemd")
    text = unit.read_text(encoding="utf-8").replace("/opt/fieldkits/.venv/bin/python", "/bin/true")
    for other in UNITS:
        (tmp_path / other.name).write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    (tmp_path / unit.name).write_text(re.sub("^User=.*$", "User=root", text, flags=re.M), encoding="utf-8")
    done = subprocess.run([program, "verify", "--man=no", tmp_path / unit.name], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, [])


def test_compose_mounts_what_is_there_and_builds_what_it_runs() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"database", "monitor", "serve"}
    build = services["monitor"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for service in services.values():
        for mount in service.get("volumes", ()):
            source = mount.rpartition(":/")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file()
    assert services["serve"]["ports"] == ["127.0.0.1:8000:8000"], "only this machine, without TLS"


def test_image_copies_what_the_package_is_made_of() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (.*)$", text, re.M) for name in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"core", "kits", "pyproject.toml", project["readme"], *project["license-files"]} <= copied
    extras = re.search(r"'\.\[(.*)\]'", text)
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert re.search(r"^FROM python:3\.1[1-3]-slim$", text, re.M)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in copied} == set(ignored[1:])
