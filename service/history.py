"""Definitions as they were: git is asked, the work tree is not touched."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from service.errors import UnknownRevision
from service.settings import environment_without

# Git sets these for the hooks it runs, and they would win over the directory that is asked about.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_READ = {".yaml", ".yml"}


# What git says of a name it does not know helps nobody who does not know git.
_MEANT = {
    "fatal: Needed a single revision": "no branch, tag or commit here is called so; it may have to "
    "be fetched first"
}


@contextmanager
def definitions_at(ref: str, directory: Path) -> Iterator[Path]:
    """A directory of definitions as git had it at a revision, until the context is left.

    The YAML files of the directory above stand above it again, where the repository has them.
    Symbolic links are left out, and a directory that was not there yet is empty.

    Args:
        ref: a branch, tag or commit.
        directory: the directory as it stands in the work tree.

    Raises:
        UnknownRevision: git is missing, this is no repository, or it has no such revision.
    """
    here = directory.resolve()
    top = _top(ref, here)
    commit = _git(ref, top, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    place = PurePosixPath(here.relative_to(top))
    blobs = _listed(ref, top, commit.decode().strip(), place)
    with TemporaryDirectory(prefix="kassa-definitions-") as made:
        # A directory of its own above, so that nothing of the temporary directory is read.
        root = Path(made) / "before"
        found = root / place
        found.mkdir(parents=True)
        for name, content in _contents(ref, top, blobs).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        yield found


def in_work_tree(directory: Path) -> bool:
    """Whether git keeps a history of this directory, with at least one commit."""
    try:
        _git("HEAD", _top("HEAD", directory.resolve()), "rev-parse", "--verify", "HEAD^{commit}")
    except UnknownRevision:
        return False
    return True


def _top(ref: str, directory: Path) -> Path:
    return Path(_git(ref, directory, "rev-parse", "--show-toplevel").decode().rstrip("\n"))


def _listed(ref: str, top: Path, commit: str, place: PurePosixPath) -> dict[str, str]:
    """The object of each YAML file in the directory, and of those right above it."""
    above = () if place == PurePosixPath() else (_within(place.parent),)
    below = _git(ref, top, "ls-tree", "-z", "-r", commit, "--", _within(place))
    beside = _git(ref, top, "ls-tree", "-z", commit, "--", *above) if above else b""
    entries = (entry.partition("\t") for entry in (below + beside).decode().split("\0"))
    return {
        name: described.split()[2]
        for described, _, name in entries
        if described.startswith("100") and PurePosixPath(name).suffix in _READ
    }


def _within(place: PurePosixPath) -> str:
    return "./" if place == PurePosixPath() else f"{place}/"


def _contents(ref: str, top: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    asked = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    answer = _git(ref, top, "cat-file", "--batch", given=asked)
    contents = {}
    for name in blobs:
        header, _, answer = answer.partition(b"\n")
        size = int(header.split()[2])
        contents[name], answer = answer[:size], answer[size + 1 :]
    return contents


def _git(ref: str, directory: Path, *words: str, given: bytes = b"") -> bytes:
    try:
        ran = subprocess.run(  # noqa: S603 - git, with words of our own and a verified revision
            ["git", "-C", directory, *words],  # noqa: S607 - whichever git the user uses
            input=given,
            env=environment_without(*_HOOK_VARIABLES),
            capture_output=True,
            check=False,
        )
    except OSError as exc:
        raise UnknownRevision(f"git can't be asked about {ref!r}: {exc.strerror}") from exc
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        why = _MEANT.get(said[0], said[0])
        raise UnknownRevision(f"git has no revision {ref!r} of {directory}: {why}")
    return ran.stdout
