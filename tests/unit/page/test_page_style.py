"""The page can be read: enough contrast in both colour schemes, and a structure that tells what is what."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from desk_kit import MUG, FakeDesk
from page_kit import Reading, visiting

from sendoso_mcp.page.style import DARK, LIGHT, STYLE

SCHEMES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
TEXT_ON = [
    ("ink", "ground"), ("ink", "sheet"), ("ink", "said"), ("quiet", "ground"), ("quiet", "sheet"),
    ("quiet", "said"), ("link", "sheet"), ("yes-ink", "yes"), ("alarm-ink", "alarm"), ("alarm-ink", "sheet"),
    ("good-ink", "good"), ("sandbox-ink", "sandbox"),
]  # fmt: skip
EDGE_ON = [
    ("edge", "sheet"),
    ("edge", "said"),
    ("yes", "sheet"),
    ("focus", "sheet"),
    ("focus", "ground"),
    ("alarm-ink", "alarm"),
]


def light(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def below(least: float, pairs: list[tuple[str, str]], palette: dict[str, str]) -> dict[str, float]:
    """The pairs of colours with too little contrast."""
    found = {f"{one} on {other}": contrast(palette[one], palette[other]) for one, other in pairs}
    return {pair: ratio for pair, ratio in found.items() if ratio < least}


@SCHEMES
def test_text_has_the_contrast_of_level_aa(palette: dict[str, str]) -> None:
    assert below(4.5, TEXT_ON, palette) == {}


@SCHEMES
def test_edges_and_focus_can_be_seen(palette: dict[str, str]) -> None:
    assert below(3, EDGE_ON, palette) == {}


def test_both_schemes_have_the_same_colours_and_no_other_is_used() -> None:
    assert set(LIGHT) == set(DARK)
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) == set(LIGHT)
    rules = STYLE.partition("*{box-sizing")[2]
    assert not re.findall(r"#[0-9a-f]{3,6}\b|rgb|hsl", rules)


@pytest.mark.anyio
async def test_the_structure_tells_what_is_what() -> None:
    async with visiting(FakeDesk({MUG.id: MUG, "other": replace(MUG, id="other")})) as visitor:
        for path in ("/approvals", f"/approvals/{MUG.id}", "/approvals/unknown"):
            answer = await visitor.http.get(path)
            assert answer.text.startswith("<!DOCTYPE html>")
            page = Reading(answer.text)
            assert page.one("html")["lang"] == "en"
            assert page.one("meta", name="viewport")["content"] == "width=device-width, initial-scale=1"
            assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == 1
            levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
            assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))
            ids = [found["id"] for _, found in page.tags if "id" in found]
            assert len(ids) == len(set(ids))
            for _, found in page.tags:
                for name in ("for", "aria-describedby", "aria-labelledby", "form"):
                    assert set(str(found.get(name) or "").split()) <= set(ids)
            assert not [found for _, found in page.tags if "tabindex" in found]
