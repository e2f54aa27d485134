"""What cannot be installed is named with the reason; what is there is left alone."""

import stat
from pathlib import Path

import pytest

from tests.provision.install import install_missing
from tests.provision.programs import find_chromium


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has nothing on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_program(directory: Path, name: str, script: str) -> None:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def put_apt_get(directory: Path, script: str) -> None:
    put_program(directory, "apt-get", script)
    put_program(directory, "sudo", 'while [ "${1#-}" != "$1" ]; do shift; done\n"$@"')
    put_program(directory, "true", "exit 0")


def test_a_machine_without_apt_get_is_told_what_is_missing(bare_path: Path) -> None:
    (sentence,) = install_missing({"postgresql"})
    assert sentence.startswith("NOT INSTALLED: Chromium: this system has no apt-get")
    assert "make test WITHOUT=browser" in sentence


def test_a_failed_installation_says_why(bare_path: Path) -> None:
    put_apt_get(bare_path, "echo 'E: Unable to locate package chromium' >&2; exit 100")
    (sentence,) = install_missing({"postgresql"})
    assert "apt-get update failed: E: Unable to locate package chromium" in sentence


def test_a_missing_program_is_installed_by_its_package(bare_path: Path) -> None:
    chromium = bare_path / "chromium"
    made = f"printf '#!/bin/sh\\n' > {chromium}; /bin/chmod +x {chromium}"
    script = f'echo "$@" >> {bare_path}/said; {made}'
    put_apt_get(bare_path, script)
    assert install_missing({"postgresql"}) == []
    assert find_chromium() == chromium
    assert "install --yes --no-install-recommends chromium" in (bare_path / "said").read_text()


def test_what_is_left_out_is_not_installed(bare_path: Path) -> None:
    put_apt_get(bare_path, f": > {bare_path}/asked")
    assert install_missing({"browser", "postgresql"}) == []
    assert not (bare_path / "asked").exists()
