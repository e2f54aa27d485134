"""The pages' own files: named by their content, compressed once, kept by browsers for good."""

from __future__ import annotations

import gzip
import re

import brotli
import pytest

from service.app import STATIC
from service.web.assets import Asset, Assets, files_in
from tests.service.conftest import Shop

FOR_GOOD = "public, max-age=31536000, immutable"
DECODED = {"br": brotli.decompress, "gzip": gzip.decompress}


def named(html: str) -> list[str]:
    """The addresses of our files in a page."""
    return list(dict.fromkeys(re.findall(r'"(/static/[^"]+)"', html)))


def test_every_file_is_kept_for_good_under_an_address_of_its_content(shop: Shop) -> None:
    page = shop.visit()
    assert len(named(page.html)) > 8
    for path in named(page.html):
        answer = shop.client.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_GOOD)
        assert answer.data == (STATIC / path.split("/", 3)[3]).read_bytes()
        assert "Set-Cookie" not in answer.headers


def test_what_a_script_imports_has_the_address_that_the_page_names(shop: Shop) -> None:
    page = shop.visit()
    preloaded = set(re.findall(r'rel="modulepreload" href="([^"]+)"', page.html))
    [entry] = re.findall(r'type="module" src="([^"]+)"', page.html)
    imported, waiting = set(), [entry]
    while waiting:
        path = waiting.pop()
        for name in re.findall(
            r'^import .* from "\./(.+)";$', shop.client.get(path).text, re.MULTILINE
        ):
            found = f"{path.rpartition('/')[0]}/{name}"
            if found not in imported:
                imported.add(found)
                waiting.append(found)
    # An import that no preload announces would be asked for a round trip later.
    assert imported == preloaded


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_file_is_sent_compressed_as_the_browser_asks(shop: Shop, coding: str) -> None:
    for path in named(shop.visit().html):
        plain = shop.client.get(path)
        small = shop.client.get(path, headers={"Accept-Encoding": coding})
        assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
        assert small.headers["Content-Encoding"] == coding
        assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data)
        assert DECODED[coding](small.data) == plain.data
        assert small.headers["ETag"] != plain.headers["ETag"]


def test_the_smallest_of_what_a_browser_takes_is_sent(shop: Shop) -> None:
    path = named(shop.visit().html)[0]
    for asked, coding in (("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("identity", None)):
        answer = shop.client.get(path, headers={"Accept-Encoding": asked})
        assert answer.headers.get("Content-Encoding") == coding


def test_a_file_that_compression_makes_larger_is_sent_as_it_is() -> None:
    assert Asset.of("img/dot.png", b"\x00").compressed == {}


def test_a_part_of_a_file_is_sent_as_it_is(shop: Shop) -> None:
    path = named(shop.visit().html)[0]
    asked = {"Accept-Encoding": "br", "Range": "bytes=0-999"}
    part = shop.client.get(path, headers=asked)
    assert (part.status_code, "Content-Encoding" in part.headers) == (206, False)
    assert part.data == shop.client.get(path).data[:1000]


def test_a_file_that_a_browser_has_is_not_sent_again(shop: Shop) -> None:
    path = named(shop.visit().html)[0]
    etag = shop.client.get(path).headers["ETag"]
    again = shop.client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_another_version_is_answered_with_this_one_and_not_kept(shop: Shop) -> None:
    """While servers are replaced one by one, a page may ask the next one for the last one's."""
    path = named(shop.visit().html)[0]
    other = re.sub(r"[0-9a-f]{12}", "0" * 12, path)
    answer = shop.client.get(other)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert answer.data == shop.client.get(path).data


def test_what_is_no_file_is_not_found(shop: Shop) -> None:
    version = named(shop.visit().html)[0].split("/")[2]
    for name in ("js/nothing.js", "../app.py", "js", "%2e%2e/app.py"):
        assert shop.client.get(f"/static/{version}/{name}").status_code == 404
    assert shop.client.get("/static/js/checkout.js").status_code == 404


def test_the_version_changes_with_any_file_and_with_nothing_else() -> None:
    files = files_in(STATIC)
    version = Assets(files).version
    assert Assets(dict(reversed(files.items()))).version == version
    for name in files:
        assert Assets(files | {name: files[name] + b" "}).version != version
    assert Assets({"a": b"x", "b": b"y"}).version != Assets({"a": b"y", "b": b"x"}).version


def test_a_page_that_names_a_file_that_is_not_there_is_our_mistake() -> None:
    with pytest.raises(KeyError, match=r"there is no file js/nothing\.js for pages"):
        Assets({}).address("js/nothing.js")


def test_what_our_page_weighs_is_less_than_forty_kilobytes(shop: Shop) -> None:
    page = shop.visit()
    asked = {"Accept-Encoding": "br"}
    paths = [f"/c/{page.checkout_id}", *named(page.html)]
    answers = [shop.client.get(path, headers=asked) for path in paths]
    assert all(answer.status_code == 200 for answer in answers)
    assert sum(len(answer.data) for answer in answers) < 40_000


def test_one_stylesheet_alone_keeps_the_page_from_being_painted(shop: Shop) -> None:
    head = shop.visit().html.partition("</head>")[0]
    assert len(re.findall(r'rel="stylesheet"', head)) == 1
    assert re.findall(r"<script(?! type=\"module\")", head) == []
    # Stripe's script is asked for with the first bytes, before our own are there.
    order = [head.index(mark) for mark in ('as="script"', "modulepreload", 'type="module"')]
    assert order == sorted(order)
