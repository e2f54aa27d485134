"""A brand file: what it makes of pages, and each mistake in it with its whole answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments import RULES as DEFINITION_RULES
from experiments import InvalidDefinition
from service.branding.brand import SHIPPED, Brand
from service.branding.file import RULES
from tests.service.branding.brands import BRAND, LOGO, png, woff2, write


def refused(file: Path) -> list[str]:
    """The problems of a file, named without its directory."""
    with pytest.raises(InvalidDefinition) as raised:
        Brand.load(file)
    assert {each.rule for each in raised.value.problems} <= {*RULES, *DEFINITION_RULES}
    return [str(each).removeprefix(f"{file.parent}/") for each in raised.value.problems]


def rules(css: str, name: str) -> list[str]:
    """What the stylesheet says of a token, the last being in force."""
    return re.findall(rf"--{name}: ([^;]+);", css)


def test_a_brand_is_one_stylesheet_with_the_brands_tokens_after_the_shipped(tmp_path: Path) -> None:
    brand = Brand.load(write(tmp_path))
    css = brand.stylesheet.content.decode()
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert rules(css, "accent") == ["#0b5d4e", "#5ccbb1", "#7a1fa2", "#d7a6ff"]
    assert rules(css, "radius") == ["8px", "16px"]
    assert rules(css, "font")[1].startswith('"Acme Sans", "Georgia", serif, system-ui, ')
    # What comes after the tokens in the shipped stylesheet, such as those for print, still does.
    assert css.endswith(shipped.partition("*, *::before")[2])
    assert css.index("#d7a6ff") < css.index("*, *::before") < css.index("@media print")


def test_the_font_is_one_face_of_every_weight_if_it_has_them(tmp_path: Path) -> None:
    variable = Brand.load(write(tmp_path))
    static = Brand.load(write(tmp_path / "other", acme_woff2=woff2(b"name", b"meta")))
    assert "font-weight: 100 900; " in variable.stylesheet.content.decode()
    assert "font-weight: 400; " in static.stylesheet.content.decode()
    assert variable.font is not None
    assert f'url("/brand/{variable.font.asset.name}")' in variable.stylesheet.content.decode()


def test_an_empty_brand_is_the_shipped_look(tmp_path: Path) -> None:
    brand = Brand.load(write(tmp_path, "version: 1\n"))
    css = brand.stylesheet.content.decode()
    for name in ("accent", "page", "surface", "muted", "danger-soft"):
        light, dark, *ours = rules(css, name)
        assert ours == [light, dark]
    assert "@font-face" not in css
    assert (brand.logos, brand.font) == ({}, None)


def test_by_night_the_accent_is_that_by_day_as_light_as_it_must_be(tmp_path: Path) -> None:
    brand = Brand.load(write(tmp_path, 'version: 1\nlight: {accent: "#7a1fa2"}\n'))
    assert brand.palettes["light"]["accent"] == "#7a1fa2"
    assert brand.palettes["dark"]["accent"] == "#b45fe1"


def test_names_change_with_what_is_in_them(tmp_path: Path) -> None:
    one = Brand.load(write(tmp_path))
    same = Brand.load(write(tmp_path / "same"))
    other = Brand.load(write(tmp_path / "other", BRAND.replace("16", "4")))
    assert one.stylesheet.name == same.stylesheet.name != other.stylesheet.name
    assert one.assets.keys() == {"checkout", "logo-light", "logo-dark", "font"}


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (LOGO, (120, 32)),
        (LOGO.replace("viewBox", 'width="60px" height="16" viewBox'), (60, 16)),
        (LOGO.replace("viewBox", 'width="100%" height="2em" viewBox'), (120, 32)),
        (LOGO.replace("<rect", '<style>g { fill: url(#a) }</style><rect stroke="url( #a)"'),
         (120, 32)),
        (LOGO.replace("<rect", '<use href="#a" xlink:href="#a"/><rect').replace(
            "<svg", '<svg xmlns:xlink="http://www.w3.org/1999/xlink"'), (120, 32)),
    ],
)  # fmt: skip
def test_a_logo_tells_its_size(tmp_path: Path, content: str, size: tuple[int, int]) -> None:
    logo = Brand.load(write(tmp_path, logo_svg=content)).logos["light"]
    assert (logo.width, logo.height) == size
    assert logo.asset.content == content.encode()


def test_a_logo_may_be_a_png(tmp_path: Path) -> None:
    text = "version: 1\nlight: {logo: logo.png}\n"
    logo = Brand.load(write(tmp_path, text, logo_png=png(300, 80))).logos["light"]
    assert (logo.width, logo.height, logo.asset.mimetype) == (300, 80, "image/png")


WRONG_FILES = {
    "nothing in it": ("", ["brand.yaml:1:1 empty-file it holds nothing; write a definition"]),
    "a misspelt key": (
        'version: 1\nlight: {acent: "#0b5d4e"}\n',
        ["brand.yaml:2:9 unknown-key light.acent: the key is unknown; write `accent`"],
    ),
    "a colour at the top": (
        'accent: "#0b5d4e"\n',
        [
            ("brand.yaml:1:1 unknown-key accent: the key is unknown; move it below `light:`, "
            "indented")
        ],
    ),
    "a colour without quotes": (
        "version: 1\nlight:\n  accent: #0b5d4e\n",
        [
            ("brand.yaml:3:10 not-a-colour light.accent: nothing is written: after a space, # "
            'begins a comment; write a colour in quotes, such as "#0b5d4e", or remove the line')
        ],
    ),
    "a colour that is none": (
        "light: {accent: greenish}\n",
        [
            ("brand.yaml:1:17 not-a-colour light.accent: 'greenish' is no colour; write a colour "
            'in quotes, such as "#0b5d4e"')
        ],
    ),
    "a colour to look through": (
        'dark: {page: "#0b5d4e80"}\n',
        [
            ("brand.yaml:1:14 not-a-colour dark.page: '#0b5d4e80': it is not opaque; write a "
            'colour in quotes, such as "#0b5d4e"')
        ],
    ),
    "a colour whose opacity is none": (
        'dark: {page: "rgb(11 93 78 / none)"}\n',
        [
            ("brand.yaml:1:14 not-a-colour dark.page: 'rgb(11 93 78 / none)': it is not opaque; "
            'write a colour in quotes, such as "#0b5d4e"')
        ],
    ),
    "a generic word for a font of one's own": (
        "font: {family: [System-UI, Acme], file: acme.woff2}\n",
        [
            ("brand.yaml:1:17 font-name 'System-UI' is no font of a file; write the name of the "
            "file's font first")
        ],
    ),
    "a logo of no name": (
        'light: {logo: ""}\n',
        [
            ("brand.yaml:1:15 file-beside light.logo: '' is not the name of a file beside this "
            "one; put it beside this one, and write its name: logo.svg")
        ],
    ),
    "a number too large": (
        "radius: 40\n",
        ["brand.yaml:1:9 out-of-range radius: 40 is above 24; write pixels, 0 to 24"],
    ),
    "a font that would end the rule": (
        "font: {family: ['a;} body {display: none']}\n",
        [
            ("brand.yaml:1:17 font-name font.family[0]: 'a;} body {display: none' is not the name "
            "of a font; write letters, digits, spaces, - and _, without quotes or commas"),
        ],
    ),
    "a family of nobody": (
        "font: {family: []}\n",
        [
            ("brand.yaml:1:16 font-unnamed font.family: no font is named; write a list such as "
            "[Inter, Arial]")
        ],
    ),
    "a family of too many": (
        "font: {family: [a, b, c, d, e, f, g, h, i]}\n",
        [
            ("brand.yaml:1:16 out-of-range font.family: there are more than 8 entries; write a "
            "list of fonts such as [Inter, Arial]")
        ],
    ),
    "a file elsewhere": (
        "light: {logo: ../../etc/passwd.svg}\n",
        [
            ("brand.yaml:1:15 file-beside light.logo: '../../etc/passwd.svg' is not the name of a "
            "file beside this one; put it beside this one, and write its name: passwd.svg")
        ],
    ),
    "a file that is not there": (
        "light: {logo: none.svg}\n",
        [
            ("brand.yaml:1:15 bad-logo none.svg can't be read: No such file or directory; put the "
            "file beside this one, where the service may read it")
        ],
    ),
    "a logo of another kind": (
        "light: {logo: acme.woff2}\n",
        ["brand.yaml:1:15 bad-logo acme.woff2 is no SVG or PNG; name one that is"],
    ),
    "a font of another kind": (
        "font: {family: [Acme], file: logo.svg}\n",
        [
            "brand.yaml:1:30 bad-font logo.svg is not a whole WOFF2 file; export the font as WOFF2"
        ],
    ),
    "a yellow accent": (
        'version: 1\nlight:\n  accent: "#ffcc00"\n',
        [
            ("brand.yaml:3:11 low-contrast light.accent: accent on page (a link beside the form, "
            "and the focus) has 1.37:1 and needs 4.5:1, and 7 more pairs fail; write "
            '"#8b6a00", the nearest that passes')
        ],
    ),
    "grey on a button": (
        'dark:\n  on_accent: "#888888"\n',
        [
            ("brand.yaml:2:14 low-contrast dark.on_accent: on-accent on accent (the button) has "
            "1.79:1 and needs 4.5:1, and 1 more pair fails; write "
            '"#484848", the nearest that passes')
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_refused_with_line_rule_and_mend(tmp_path: Path, case: str) -> None:
    text, answers = WRONG_FILES[case]
    assert refused(write(tmp_path, text)) == answers


def test_a_logo_left_empty_is_no_logo(tmp_path: Path) -> None:
    assert Brand.load(write(tmp_path, "light:\n  logo:\n")).logos == {}


@pytest.mark.parametrize("box", ["0 0 120 32", " 0 0 120 32\n", "0,0,120,32"])
def test_a_logo_tells_its_size_as_svg_allows(tmp_path: Path, box: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><path d="M0 0h1"/></svg>'
    logo = Brand.load(write(tmp_path, "light: {logo: logo.svg}\n", logo_svg=svg)).logos["light"]
    assert (logo.width, logo.height) == (120, 32)


DRAWS = "remove it: a logo is drawn of shapes alone"


def elsewhere(what: str) -> str:
    return f"line 2: {what} refers elsewhere; draw it in the file itself"


WRONG_LOGOS = {
    "<script>alert(1)</script>": f"line 2: it has <script>; {DRAWS}",
    '<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>': f"line 2: it has <script>; {DRAWS}",
    "<foreignObject/>": f"line 2: it has <foreignObject>; {DRAWS}",
    '<a href="javascript:alert(1)"/>': f"line 2: it has <a>; {DRAWS}",
    '<set attributeName="href" to="javascript:alert(1)"/>': f"line 2: it has <set>; {DRAWS}",
    '<image href="https://evil.example/x.png"/>': f"line 2: it has <image>; {DRAWS}",
    '<g onload="alert(1)"/>': "line 2: it has the event handler onload; remove it",
    '<g OnClick="alert(1)"/>': "line 2: it has the event handler OnClick; remove it",
    '<use href="https://evil.example/x.svg#a"/>': elsewhere("href"),
    '<use href=" data:image/svg+xml,x#a"/>': elsewhere("href"),
    '<g style="fill: url(//evil.example/x)"/>': elsewhere("style"),
    '<g fill="URL( &quot;https://evil.example/x#a&quot;)"/>': elsewhere("fill"),
    r'<g style="fill: u\72l(//evil.example/x)"/>': elsewhere("style"),
    "<style>@import '//evil.example/x.css';</style>": elsewhere("its style"),
    "<style><![CDATA[@imp]]>ort '//evil.example/x'</style>": elsewhere("its style"),
    "<style>@im<g/>port '//evil.example/x.css'</style>": "line 2: its style has <g> in it; write "
    "the style as text alone",
    "<?xml-stylesheet href='//evil.example/x.css'?>": "line 2: it has an instruction "
    "<?xml-stylesheet; remove it",
}  # fmt: skip


@pytest.mark.parametrize("part", WRONG_LOGOS)
def test_a_logo_that_could_run_or_fetch_anything_is_refused(tmp_path: Path, part: str) -> None:
    file = write(tmp_path, logo_svg=LOGO.replace("<rect", f"{part}<rect"))
    assert refused(file) == [f"brand.yaml:3:9 unsafe-svg logo.svg, {WRONG_LOGOS[part]}"]


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (BOMB + LOGO, ("unsafe-svg logo.svg, line 1: it has a DOCTYPE; remove the line that starts "
         "with <!DOCTYPE")),
        ("<html/>", ('unsafe-svg logo.svg, line 1: it begins with <html>; begin with <svg '
         'xmlns="http://www.w3.org/2000/svg">')),
        (LOGO[:90], ("bad-logo logo.svg, line 2: is not well-formed: unclosed token; export the "
         "logo again")),
        (LOGO.replace(' viewBox="0 0 120 32"', ""), ("bad-logo logo.svg, line 1: it tells no size; "
         'give <svg> its size, such as viewBox="0 0 120 32"')),
        (LOGO.replace("120 32", "0 1e999"), ("bad-logo logo.svg, line 1: it tells no size; "
         'give <svg> its size, such as viewBox="0 0 120 32"')),
        (LOGO + " " * 64 * 1024, ("bad-logo logo.svg is larger than 64 kB; every visitor loads it: "
         "make it smaller")),
    ],
)  # fmt: skip
def test_a_logo_that_is_no_drawing_of_a_size_is_refused(
    tmp_path: Path, content: str, answer: str
) -> None:
    assert refused(write(tmp_path, logo_svg=content)) == [f"brand.yaml:3:9 {answer}"]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"GIF89a", "logo.png is not a PNG; export the logo again, as SVG or PNG"),
        (
            png(0, 4),
            "logo.png is no PNG of 1 to 2000 pixels; export the logo again, as SVG or PNG",
        ),
        (
            png(9000, 4),
            "logo.png is no PNG of 1 to 2000 pixels; export the logo again, as SVG or PNG",
        ),
        (png(1, 1)[:18], "logo.png is not a PNG; export the logo again, as SVG or PNG"),
    ],
)
def test_a_png_that_is_none_is_refused(tmp_path: Path, content: bytes, answer: str) -> None:
    file = write(tmp_path, "light: {logo: logo.png}\n", logo_png=content)
    assert refused(file) == [f"brand.yaml:1:15 bad-logo {answer}"]


@pytest.mark.parametrize(
    "content", [b"", b"wOF2", woff2(b"fvar")[:-1], woff2(b"fvar")[:52], b"OTTO" + bytes(99)]
)
def test_a_font_cut_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (answer,) = refused(write(tmp_path, acme_woff2=content))
    assert answer.startswith("brand.yaml:12:9 bad-font acme.woff2 is not a whole WOFF2 file")


def test_a_large_font_is_refused(tmp_path: Path) -> None:
    (answer,) = refused(write(tmp_path, acme_woff2=bytes(256 * 1024 + 1)))
    assert answer.endswith(
        "acme.woff2 is larger than 256 kB; every visitor loads it: make it smaller"
    )


def test_a_directory_is_no_logo(tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    (answer,) = refused(write(tmp_path, "light: {logo: folder.svg}\n"))
    assert "folder.svg can't be read: it is not a file" in answer
