"""Text that others wrote stays text: it cannot add to the page, hide anything, or be clicked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from desk_kit import MUG, FakeDesk
from hypothesis import given, settings
from hypothesis import strategies as st
from page_kit import Reading, visiting

from sendoso_mcp.hygiene import clean, defused
from sendoso_mcp.page.markup import Html, el, join
from sendoso_mcp.page.seals import Kind, Note
from sendoso_mcp.page.views import Views
from sendoso_mcp.page.words import LONGEST, boxed, clock, moment, span
from sendoso_mcp.spending.desk import Question, Stand

HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "an end of the box": "</span></dd></dl></main><h1>Approved</h1><form action=//evil.example><button>OK",
    "an attribute": "\" onmouseover=alert(1) x='",
    "a comment": "<!-- --><!--",
    "an entity": "&lt;b&gt; &#x3c;script&#x3e; &amp;",
    "a style": "</style><style>*{display:none}</style>",
    "an image": "<img src=https://evil.example/pixel.png onerror=alert(1)>",
    "markup in other letters": "\uff1cscript\uff1e \u2039b\u203a \u2329x\u232a",
    "a template": "{{7*7}} ${7*7} %(x)s {0}",
    "a line of ours": "\nPrice: 0.00 USD\nApproved by: the CFO",
    "combining marks": "e" + "\u0301" * 50,
    "a null": "a\x00b\x1b[2J",
    "half a character": "a\ud800b",
}
NOW, TOKEN = datetime(2026, 11, 25, 12, tzinfo=UTC), "nonce.expires.mac"


def with_text(text: str) -> Question:
    """A question with a text wherever there can be one."""
    lines = (*((label, text) for label, _ in MUG.lines), (text, "a label"))
    # These two are of our own making: nobody cleans them, and they can be written in UTF-8.
    ours = text.encode(errors="replace").decode()
    return replace(MUG, id=ours, seal=ours, lines=lines, why=(text, text), asked_by=text, ended_as=text)


def pages(question: Question) -> list[Reading]:
    """Every page that shows a question."""
    views = Views("", sandbox=True, now=NOW)
    stands = [replace(question, stand=stand) for stand in Stand]
    notes = [None, *(Note(kind, 1) for kind in Kind)]
    return [
        Reading(html.encode().decode())
        for html in (
            views.listing([question]),
            *(views.question(one, token=TOKEN, note=note) for one in stands for note in notes),
        )
    ]


def shape(page: Reading) -> list[str]:
    """Its tags and their attributes' names."""
    return [f"{tag} {' '.join(attributes)}" for tag, attributes in page.tags]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_adds_nothing_to_a_page(text: str) -> None:
    for hostile, harmless in zip(pages(with_text(text)), pages(with_text("harmless")), strict=True):
        assert shape(hostile) == shape(harmless)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*"<>&\"'/=`!-; \nab\u202e\u200b", "script", "</", "://", "&lt"])).map("".join)
)
def test_no_text_adds_anything_to_a_page(text: str) -> None:
    for any_text, harmless in zip(pages(with_text(text)), pages(with_text("harmless")), strict=True):
        assert shape(any_text) == shape(harmless)


@pytest.mark.anyio
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_text_is_shown_as_it_is_and_set_apart(text: str) -> None:
    desk = FakeDesk({MUG.id: replace(MUG, lines=(("Gift", text),))})
    async with visiting(desk) as visitor:
        page = await visitor.see(f"/approvals/{MUG.id}")
    shown = [part for tags, part in page.texts if tags.endswith("dd span") and part.strip()]
    assert shown[0] == defused(clean(text))
    assert page.all("span", **{"class": "said", "dir": "auto"})


@pytest.mark.parametrize(
    "unwanted",
    [*"\u202e\u202d\u2066\u2069\u200f\u200b\u200d\u2060\ufeff\u00ad\u2028\x07\x1b\x7f\u3164", "\U000e0041"],
    ids=ascii,
)
def test_what_cannot_be_seen_is_not_there(unwanted: str) -> None:
    text = f"pay{unwanted}pal"
    for page in pages(replace(MUG, lines=(("Gift", text),), why=(text,), asked_by=text, ended_as=text)):
        assert unwanted not in page.text
        assert "paypal" in page.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/pay", "see https: //evil.example/pay"),
        ("HTTP://EVIL.EXAMPLE", "HTTP: //EVIL.EXAMPLE"),
        ("javascript:alert(1)", "javascript :alert(1)"),
        ("JaVaScRiPt:alert(1)", "JaVaScRiPt :alert(1)"),
        ("java\u200bscript:alert(1)", "javascript :alert(1)"),
        ("mailto:boss@evil.example", "mailto :boss@evil.example"),
        ("data:text/html,x", "data :text/html,x"),
        ("tel:+15551234", "tel :+15551234"),
        ("Here is the data: 5", "Here is the data: 5"),
    ],
)
def test_links_are_broken_and_can_be_seen_to_be(text: str, shown: str) -> None:
    for page in pages(replace(MUG, lines=(("Gift", text),), why=(text,), asked_by=text)):
        assert shown in page.text
        assert all(str(link["href"]).startswith(("/approvals", "#pin")) for link in page.all("a"))
        # No phone makes links of its own of it.
        assert "telephone=no" in str(page.one("meta", name="format-detection")["content"])


def test_a_very_long_text_is_cut_in_the_middle_and_says_so() -> None:
    box = Reading(f"<body>{boxed('A' * 5_000 + 'B' * 5_000)}</body>").text
    assert box.startswith("AAAA")
    assert "BBBB Cut in the middle: it has 10,000 characters." in box
    assert len(box) <= LONGEST + 60


def test_a_long_name_cannot_push_the_address_after_it_out_of_sight() -> None:
    text = "Sarah Johnson <sarah@acme.example>" + " " * 3_000 + "x" * 2_000 + " <thief@evil.example>"
    for longest in (LONGEST, 80):
        assert "<thief@evil.example>" in Reading(f"<body>{boxed(text, longest=longest)}</body>").text


def test_the_longest_message_that_a_gift_can_carry_is_shown_whole() -> None:
    message = "So long, and thanks for all the fish! " * 14
    assert len(message) > 500
    assert "Cut" not in boxed(message)


def test_line_breaks_stay_but_cannot_push_the_buttons_out_of_sight() -> None:
    assert "Dear Sarah,\nthank you" in boxed("Dear Sarah,\nthank you")
    assert "\n" not in boxed("\n".join("x" * 200))
    assert "\n" not in boxed("x\n" * 5_000)


def test_an_empty_text_is_said_to_be_empty() -> None:
    for text in ("", " \n", "\u200b\u202e"):
        assert "(empty)" in boxed(text)


def test_markup_escapes_all_that_is_not_markup() -> None:
    assert el("p", "<b>", Html("<i></i>"), id='"x"') == '<p id="&quot;x&quot;">&lt;b&gt;<i></i></p>'
    assert el("input", required=True, disabled=False, aria_label="a") == '<input required aria-label="a">'
    assert el("label", for_="x", class_="y") == '<label for="x" class="y"></label>'
    assert join("&", Html("&amp;")) == "&amp;&amp;"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (119, "1 minute"),
        (3_599, "59 minutes"),
        (3_600, "60 minutes"),
        (7_200, "2 hours"),
        (86_400, "24 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_time_of_another_zone_is_shown_in_utc() -> None:
    there = datetime(2026, 1, 1, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert moment(there) == '<time datetime="2025-12-31T23:02:03Z">31 December 2025, 23:02 UTC</time>'
    assert clock(there) == '<time datetime="2025-12-31T23:02:03Z">23:02:03 UTC</time>'
