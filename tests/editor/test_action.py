"""The GitHub Action and the pre-commit hooks, run as far as they run without GitHub."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import PROJECT
from tests.service.repositories import change, commit, git, shop_in

ACTION: dict[str, Any] = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load(
    (PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
KASSA = Path(sys.executable).parent / "kassa"
_EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
# Remembers the comments of one pull request, as `gh api` would.
_GH = """\
#!{python}
import json, pathlib, sys
kept = pathlib.Path({kept!r})
comments = json.loads(kept.read_text()) if kept.exists() else []
method = sys.argv[sys.argv.index("--method") + 1] if "--method" in sys.argv else "GET"
if method == "GET":
    mine = [at for at, body in enumerate(comments, 1) if body.startswith("<!-- kassa plan -->")]
    print(*mine, sep="\\n")
    sys.exit()
body = pathlib.Path(sys.argv[-1].removeprefix("body=@")).read_text()
if method == "POST":
    assert sys.argv[4] == "repos/shop/shop/issues/7/comments", sys.argv
    comments.append(body)
else:
    place, _, number = sys.argv[4].rpartition("/")
    assert place == "repos/shop/shop/issues/comments", sys.argv
    comments[int(number) - 1] = body
kept.write_text(json.dumps(comments))
print("{{}}")
"""


@dataclass
class Runner:
    """A runner of workflows: evaluates the Action's expressions and runs its shell."""

    workspace: Path
    temp: Path
    context: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def run(self) -> int:
        """Every step that Kassa wrote itself, in order; the exit status of the first that fails."""
        for step in STEPS:
            if "run" in step and step.get("id") != "install" and self._wanted(step):
                ran = self._shell(step)
                self.log += ran.stdout + ran.stderr
                if ran.returncode and not step.get("continue-on-error"):
                    return ran.returncode
                self._keep(step.get("id", ""))
        return 0

    @property
    def summary(self) -> str:
        return self._file("summary").read_text(encoding="utf-8")

    @property
    def comments(self) -> list[str]:
        kept = self.temp / "comments.json"
        return json.loads(kept.read_text()) if kept.exists() else []

    def sarif(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            Path(self.context["steps.lint.outputs.sarif"]).read_text()
        )
        return found

    def _wanted(self, step: dict[str, Any]) -> bool:
        return all(self._holds(part) for part in step.get("if", "true").split(" && "))

    def _holds(self, condition: str) -> bool:
        value, operator, other = re.fullmatch(r"([\w.-]+)(?: (==|!=) '(.*)')?", condition).groups()  # type: ignore[union-attr]  # another condition shall fail
        found = "true" if value == "true" else self.context.get(value, "")
        return bool(found) if operator is None else (found == other) == (operator == "==")

    def _shell(self, step: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        given = {name: self._value(text) for name, text in step.get("env", {}).items()}
        for name in ("output", "summary"):
            self._file(name).touch()
        environment = {
            "PATH": f"{self.temp / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.temp),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(PROJECT),
            "GITHUB_REPOSITORY": "shop/shop",
            "GITHUB_OUTPUT": str(self._file("output")),
            "GITHUB_STEP_SUMMARY": str(self._file("summary")),
            **given,
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _value(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self.context.get(found[1], ""), text)

    def _keep(self, step: str) -> None:
        for line in self._file("output").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.context[f"steps.{step}.outputs.{name}"] = value
        self._file("output").write_text("")

    def _file(self, name: str) -> Path:
        return self.temp / f"github-{name}"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with the shipped experiments."""
    return shop_in(tmp_path)


@pytest.fixture
def runner(shop: Path, tmp_path: Path) -> Runner:
    """A runner in the shop, with Kassa installed and a code host that remembers comments."""
    temp = tmp_path / "runner"
    (temp / "bin").mkdir(parents=True)
    gh = temp / "bin" / "gh"
    gh.write_text(_GH.format(python=sys.executable, kept=str(temp / "comments.json")))
    gh.chmod(0o755)
    defaults = {
        f"inputs.{name}": str(each.get("default", "")) for name, each in ACTION["inputs"].items()
    }
    pull_request = {
        "github.event.pull_request.number": "7",
        "github.event.pull_request.base.sha": git(shop, "rev-parse", "HEAD"),
    }
    installed = {"steps.install.outputs.kassa": str(KASSA)}
    return Runner(shop, temp, {**defaults, **pull_request, **installed})


def test_every_input_of_the_action_is_declared_and_used() -> None:
    text = json.dumps(STEPS)
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    ids = {step["id"] for step in STEPS if "id" in step}
    assert set(re.findall(r"steps\.([\w-]+)\.", json.dumps(ACTION))) <= ids
    assert all(entry["description"] for entry in ACTION["inputs"].values())


def test_the_documented_workflow_gives_inputs_that_exist() -> None:
    text = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    examples = [
        yaml.safe_load(each)
        for each in re.findall(r"^```yml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]
    (workflow,) = [each for each in examples if each and "jobs" in each]
    (hooks,) = [each for each in examples if each and "repos" in each]
    step = workflow["jobs"]["kassa"]["steps"][-1]
    assert step["uses"].startswith("your-organisation/kassa@")
    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert (PROJECT / step["with"]["directory"]).is_dir()
    assert [each["id"] for each in hooks["repos"][0]["hooks"]] == [each["id"] for each in HOOKS]
    (table,) = re.findall(r"^\| input \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(ACTION["inputs"])


def test_no_expression_is_pasted_into_a_shell() -> None:
    for step in STEPS:
        assert not _EXPRESSION.search(step.get("run", "")), step["name"]
        assert step.get("shell", "bash") == "bash"
        assert ("shell" in step) == ("run" in step)


def test_the_action_installs_from_the_hashed_lock(runner: Runner) -> None:
    (step,) = [each for each in STEPS if each.get("id") == "install"]
    dry = step["run"].replace("make ", "make --dry-run --always-make ")
    runner.context["steps.python.outputs.python-path"] = sys.executable
    ran = runner._shell({**step, "run": dry})
    assert ran.returncode == 0, ran.stderr
    assert "--require-hashes -r requirements/runtime.lock" in ran.stdout
    assert f"{runner.temp}/kassa/bin/python" in ran.stdout


def test_a_harmless_change_passes_and_is_planned_in_one_comment(shop: Path, runner: Runner) -> None:
    change(shop, "owner: growth@example.com", "owner: shop@example.com")
    commit(shop)
    assert runner.run() == 0, runner.log
    assert runner.run() == 0, runner.log
    (comment,) = runner.comments
    assert comment in runner.summary
    assert "kassa plan" in comment.splitlines()[0]
    assert runner.sarif()["runs"][0]["results"] == []


def test_a_forbidden_change_fails_and_is_shown_beside_its_line(shop: Path, runner: Runner) -> None:
    file = change(shop, "seed: one-page-checkout", "seed: another")
    commit(shop)
    assert runner.run() == 1, runner.log
    (result,) = runner.sarif()["runs"][0]["results"]
    assert result["ruleId"] == "seed-changed"
    (place,) = [found["physicalLocation"] for found in result["locations"]]
    assert place["artifactLocation"]["uri"] == str(file.relative_to(shop))
    assert "seed-changed" in runner.log
    (comment,) = runner.comments
    assert "`seed`" in comment


def test_broken_definitions_have_no_plan_and_say_so(shop: Path, runner: Runner) -> None:
    change(shop, "owner: growth@example.com", "owner:")
    commit(shop)
    assert runner.run() == 1, runner.log
    (comment,) = runner.comments
    assert comment.splitlines()[1:] == [
        "There is no plan: `kassa lint` finds problems in the definitions."
    ]


def test_a_failed_assignment_test_fails_the_action(shop: Path, runner: Runner) -> None:
    for file in (shop / "experiments" / "definitions").glob("*.test.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("variant: two_page", "variant: one_page"), encoding="utf-8")
    commit(shop)
    assert runner.run() == 1, runner.log


def test_a_shop_without_assignment_tests_passes(shop: Path, runner: Runner) -> None:
    for file in (shop / "experiments" / "definitions").glob("*.test.yaml"):
        file.unlink()
    commit(shop)
    assert runner.run() == 0, runner.log
    assert "There is no assignment test in experiments/definitions." in runner.log


def test_without_a_base_nothing_is_compared(shop: Path, runner: Runner) -> None:
    change(shop, "traffic: 1.0", "traffic: 0.99")
    commit(shop)
    del runner.context["github.event.pull_request.base.sha"]
    runner.context["github.event.before"] = "0" * 40
    assert runner.run() == 0, runner.log
    assert runner.comments == []


def test_a_base_that_a_shallow_clone_lacks_is_fetched(
    shop: Path, runner: Runner, tmp_path: Path
) -> None:
    change(shop, "seed: one-page-checkout", "seed: another")
    commit(shop)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", shop.as_uri(), str(shallow))
    runner.workspace = shallow
    assert runner.run() == 1, runner.log
    assert "seed-changed" in runner.log


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_passes_what_is_right(shop: Path, hook: dict[str, Any]) -> None:
    ran = run_hook(shop, hook)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_lint_hook_stops_a_commit_that_moves_visitors(shop: Path) -> None:
    (hook,) = [each for each in HOOKS if each["id"] == "kassa-lint"]
    change(shop, "seed: one-page-checkout", "seed: another")
    ran = run_hook(shop, hook)
    assert ran.returncode == 1
    assert "seed-changed" in ran.stdout


def run_hook(shop: Path, hook: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    name, *words = shlex.split(hook["entry"])
    assert name == "kassa"
    assert hook["pass_filenames"] is False
    return subprocess.run(
        [KASSA, *words, *hook["args"]], cwd=shop, capture_output=True, text=True, check=False
    )


def test_a_wheel_has_the_files_that_lint_reads(tmp_path: Path) -> None:
    source = tmp_path / "kassa"
    shutil.copytree(
        PROJECT,
        source,
        ignore=shutil.ignore_patterns(".*", "node_modules", "tests", "bench", "var", "*.egg-info"),
    )
    build = ["-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *build, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("kassa-*.whl")
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    shipped = {
        path.relative_to(PROJECT)
        for path in (PROJECT / "experiments").rglob("*")
        if path.suffix in {".yaml", ".json"}
    }
    assert shipped
    assert all((tmp_path / "installed" / path).exists() for path in shipped)
