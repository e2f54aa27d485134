"""Definitions are read as git had them, whatever the work tree holds now."""

from pathlib import Path

import pytest

from experiments import Catalog
from service.errors import UnknownRevision
from service.history import definitions_at, in_work_tree
from service.settings import PROJECT
from tests.service.repositories import commit, git

SHIPPED = PROJECT / "experiments"
DEFINITION = (SHIPPED / "definitions" / "one-page-checkout.yaml").read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with definitions and metrics in its first commit."""
    root = tmp_path / "shop"
    definitions = root / "a b" / "définitions"
    definitions.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch", "main")
    (definitions / "one-page-checkout.yaml").write_text(DEFINITION, encoding="utf-8")
    (definitions / "notes.txt").write_text("not read")
    metrics = (SHIPPED / "metrics.yaml").read_text(encoding="utf-8")
    (definitions.parent / "metrics.yaml").write_text(metrics, encoding="utf-8")
    commit(root)
    git(root, "tag", "first")
    return root


def test_definitions_are_those_of_the_revision(repository: Path) -> None:
    definitions = repository / "a b" / "définitions"
    version = Catalog.load(definitions).version
    (definitions / "one-page-checkout.yaml").unlink()
    (definitions.parent / "metrics.yaml").write_text("metrics: []\n")
    commit(repository)
    with definitions_at("first", definitions) as before:
        assert [file.name for file in before.iterdir()] == ["one-page-checkout.yaml"]
        assert {file.name for file in before.parent.iterdir()} == {"metrics.yaml", before.name}
        assert Catalog.load(before).version == version
    assert not before.exists()
    with definitions_at("HEAD", definitions) as now:
        assert list(now.iterdir()) == []


def test_a_directory_that_was_not_there_yet_is_empty(repository: Path) -> None:
    (repository / "later").mkdir()
    with definitions_at("first", repository / "later") as before:
        assert list(before.iterdir()) == []


def test_a_repository_may_be_the_directory_itself(repository: Path) -> None:
    (repository / "top.yaml").write_text(DEFINITION, encoding="utf-8")
    commit(repository)
    (repository / "linked.yaml").symlink_to("top.yaml")
    commit(repository)
    with definitions_at("main", repository) as before:
        assert {file.name for file in before.iterdir()} == {"top.yaml", "a b"}


def test_a_hook_of_git_reads_the_same(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    with definitions_at("HEAD", repository / "a b" / "définitions") as before:
        assert len(list(before.iterdir())) == 1


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD:a", ""])
def test_an_unknown_revision_is_named(repository: Path, ref: str) -> None:
    with pytest.raises(UnknownRevision) as refused, definitions_at(ref, repository):
        pass
    assert repr(ref) in str(refused.value)
    assert str(repository) in str(refused.value)


def test_a_directory_without_history_is_told_apart(repository: Path, tmp_path: Path) -> None:
    assert in_work_tree(repository / "a b")
    assert not in_work_tree(tmp_path)
    with (
        pytest.raises(UnknownRevision, match="not a git repository"),
        definitions_at("HEAD", tmp_path),
    ):
        pass
    git(tmp_path, "init", "--quiet")
    assert not in_work_tree(tmp_path)


def test_a_machine_without_git_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with (
        pytest.raises(UnknownRevision, match="git can't be asked"),
        definitions_at("HEAD", repository),
    ):
        pass
    assert not in_work_tree(repository)
