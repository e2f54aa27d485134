"""Git repositories of shops, for tests about what changes over time."""

import shutil
import subprocess
from pathlib import Path

from service.settings import PROJECT


def git(directory: Path, *words: str) -> str:
    """What the real git answers there, with an identity of its own."""
    identity = ["-c", "user.name=Growth", "-c", "user.email=growth@example.com"]
    ran = subprocess.run(
        ["git", "-C", directory, *identity, *words], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def commit(repository: Path) -> str:
    """Everything in one more commit; its name."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "change")
    return git(repository, "rev-parse", "HEAD")


def shop_in(directory: Path) -> Path:
    """A repository with a copy of the shipped experiments in its first commit."""
    root = directory / "shop"
    unread = shutil.ignore_patterns("*.py", "__*")
    shutil.copytree(PROJECT / "experiments", root / "experiments", ignore=unread)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def change(repository: Path, before: str, after: str) -> Path:
    """Another text in the shipped experiment; its file."""
    file = repository / "experiments" / "definitions" / "one-page-checkout.yaml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    return file
