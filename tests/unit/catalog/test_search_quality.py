"""The search finds what sellers ask for: `make search-quality` prints the same."""

from __future__ import annotations

import pytest

from benchmarks.search_quality import DIRECTORY, LEAST_HIT_RATE, ask, hit_rate, read_questions, sandbox_gifts
from sendoso_mcp.catalog.thesaurus import gift_words, read


@pytest.mark.parametrize("name", ["tuned", "held_out"])
def test_the_promised_hit_rate_is_kept(name: str) -> None:
    results = ask(read_questions(DIRECTORY / f"{name}.txt"), sandbox_gifts())
    assert len(results) >= 40
    assert hit_rate(results) >= LEAST_HIT_RATE


def test_every_fitting_gift_that_a_question_names_exists() -> None:
    names = [gift.name or "" for gift in sandbox_gifts()]
    for file in DIRECTORY.glob("*.txt"):
        for question in read_questions(file):
            for begins in question.fitting:
                assert any(name.startswith(begins) for name in names), (question.text, begins)


def test_no_question_is_both_tuned_on_and_held_out() -> None:
    tuned, held_out = (
        {question.text for question in read_questions(DIRECTORY / f"{name}.txt")}
        for name in ("tuned", "held_out")
    )
    assert not tuned & held_out


@pytest.mark.parametrize("line", ["headset", "headset: ", ": headphones", "headset = headphones"])
def test_a_line_of_the_thesaurus_that_is_no_entry_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(read(f"# words\n{line}\n"))


def test_the_thesaurus_matches_the_longest_phrase_first() -> None:
    words = ["new", "parent", "gift"]
    assert gift_words().longest_at(words, 0) == ("new", "parent")
    assert gift_words().longest_at(words, 2) is None
