"""The page and the Stripe.js stand-in fit Stripe's published declarations."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from service.web.scripts import STRIPE_JS
from tests.provision import typescript
from tests.provision.programs import find_node

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = (
    "service/static/js",
    "service/payments/simulator/assets",
    "tests/typescript",
)
PAGE = "service/static/js"
STAND_IN = "service/payments/simulator/assets/stripe.js"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of every script, beside the same declarations, free to be broken."""
    for folder in SCRIPTS:
        shutil.copytree(
            REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules")
        )
    modules = tmp_path / "tests" / "typescript" / "node_modules"
    modules.symlink_to(typescript.PROJECT / "node_modules", target_is_directory=True)
    return tmp_path


def complaints(root: Path) -> str:
    project = root / "tests" / "typescript"
    checked = subprocess.run(
        [find_node(), typescript.COMPILER, "--project", project],
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.stdout


def replace(path: Path, old: str, new: str) -> None:
    source = path.read_text()
    assert old in source, f"{path.name} no longer says {old!r}: choose another break"
    path.write_text(source.replace(old, new))


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    assert typescript.main() == 0, "the scripts do not fit Stripe's declarations"


def test_an_unbroken_copy_raises_no_complaint(copied: Path) -> None:
    assert complaints(copied) == ""


@pytest.mark.parametrize(
    ("script", "old", "new"),
    [
        (f"{PAGE}/stripe-form.js", "stripe.createConfirmationToken(", "stripe.createToken2("),
        (f"{PAGE}/stripe-form.js", 'email: "never"', 'email: "hidden"'),
        (f"{PAGE}/stripe-form.js", 'address.on("loaderror"', 'address.on("loadfailed"'),
        (f"{PAGE}/checkout.js", "confirmationToken?.id", "confirmationToken.id"),
        (STAND_IN, "async getValue()", "async value()"),
        (STAND_IN, "async submit()", "async validateAll()"),
        (STAND_IN, "async handleNextAction(", "async handleAction("),
        (STAND_IN, "async retrieveSetupIntent(", "async retrieveSetup("),
        (STAND_IN, "{ setupIntent: answer }", "{ intent: answer }"),
        (STAND_IN, "{ error: answer.error }", "{ problem: answer.error }"),
    ],
)
def test_a_script_that_leaves_the_declarations_is_caught(
    copied: Path, script: str, old: str, new: str
) -> None:
    replace(copied / script, old, new)
    assert Path(script).name in complaints(copied)


def test_a_control_that_stops_failing_is_caught(copied: Path) -> None:
    controls = copied / "tests" / "typescript" / "controls.ts"
    replace(controls, '"cancelled"', '"canceled"')
    assert "Unused '@ts-expect-error' directive" in complaints(copied)


def test_the_lock_pins_every_package_and_names_no_registry() -> None:
    packages = json.loads((typescript.PROJECT / "package-lock.json").read_text())["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert installed
    for name, package in installed.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_page_stand_in_and_declarations_are_of_one_release_train() -> None:
    train = STRIPE_JS.split("/")[-2]
    declared = typescript.PROJECT / "node_modules" / "@stripe" / "stripe-js" / "dist"
    assert f"ReleaseTrain = '{train}'" in (declared / "shared.d.ts").read_text()
    assert f'Stripe.version = "{train}"' in (REPOSITORY / STAND_IN).read_text()
