"""`kassa pages verify`: what browsers are served."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
import requests

from service.cli.options import format_option, quiet_option, settings_in_force
from service.errors import Unavailable
from service.verifying import Received, Verified, verify

_PATIENCE_SECONDS = 15
# A page that shows programs something else is not the page that visitors get.
_BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/150.0.0.0 Safari/537.36",
}


@click.group(epilog="Example: kassa pages verify https://pay.example.com/")
def pages() -> None:
    """The pages that visitors see."""


@pages.command(
    "verify", epilog="Example: kassa pages verify https://pay.example.com/ --format json"
)
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@format_option("text", "json")
@quiet_option
def verify_command(urls: tuple[str, ...], form: str, *, quiet: bool) -> None:
    """Compare served pages with the inventory of scripts, the policy and the installed files.

    URL is a page that visitors see, such as a checkout; a signed preview link counts nobody.
    Exit code 1: a page has something that it should not have.
    """
    simulated = settings_in_force(make_secret=False).simulated
    found = []
    for url in urls:
        if not quiet:
            click.echo(f"asking for {url}", err=True)
        found.append(verify(url, _fetch, simulated=simulated))
    if form == "json":
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        click.echo("\n\n".join(_told(each) for each in found))
    if any(each.faults for each in found):
        raise SystemExit(1)


def _told(found: Verified) -> str:
    lines = [found.url]
    lines += [f"  {each.sha256[:12] or '-':<12}  {each.address}" for each in found.scripts]
    lines += [f"  WRONG: {fault}" for fault in found.faults]
    if not found.faults:
        lines.append("  nothing that is not in the inventory; every script is what was installed")
    return "\n".join(lines)


def _fetch(url: str) -> Received:
    try:
        answer = requests.get(url, headers=_BROWSER, timeout=_PATIENCE_SECONDS)
    except requests.RequestException as exc:
        raise Unavailable(f"{url}: does not answer: {type(exc).__name__}") from exc
    return Received(answer.url, answer.status_code, dict(answer.headers), answer.content)
