"""How well the search finds what sellers ask for: `make search-quality`. See questions/README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean

from sendoso_mcp.catalog.filters import Facts, Filters
from sendoso_mcp.catalog.search import Searcher
from sendoso_mcp.catalog.shelf import Shelf
from sendoso_mcp.models import InventoryItem
from sendoso_mcp.sandbox import create_sandbox
from sendoso_mcp.sandbox.wire import gift_json

DIRECTORY = Path(__file__).parent / "questions"
FIRST = 5
LEAST_HIT_RATE = 0.95


@dataclass(frozen=True)
class Question:
    """What is asked, how the names of fitting gifts begin, and filters."""

    text: str
    fitting: tuple[str, ...]
    filters: Filters

    def fits(self, gift: InventoryItem) -> bool:
        return (gift.name or "").startswith(self.fitting)


@dataclass(frozen=True)
class Result:
    question: Question
    found: Sequence[InventoryItem]
    recall: float

    @property
    def hit(self) -> bool:
        return self.recall > 0


def read_questions(file: Path) -> list[Question]:
    return list(_questions(file.read_text(encoding="utf-8")))


def _questions(text: str) -> Iterator[Question]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            asked, fitting, *filters = (part.strip() for part in line.split("|"))
            named = dict(pair.split("=") for pair in " ".join(filters).split())
            yield Question(
                asked,
                tuple(name.strip() for name in fitting.split(";")),
                Filters(
                    max_price=Decimal(named["max_price"]) if "max_price" in named else None,
                    max_shipping_days=int(named["max_shipping_days"])
                    if "max_shipping_days" in named
                    else None,
                    include_unavailable=True,  # the search is measured, not what is in stock
                ),
            )


def sandbox_gifts(count: int = 320) -> list[InventoryItem]:
    """The gifts of the sandbox, as they come over the wire."""
    gifts = create_sandbox(items=count).world.gifts()
    return [InventoryItem.model_validate(gift_json(gift)) for gift in gifts]


def ask(questions: Sequence[Question], gifts: Sequence[InventoryItem]) -> list[Result]:
    """What the search answers to each question."""
    shelf = Shelf()
    shelf.put(1, gifts, read_at=0)
    searcher = Searcher(shelf)
    results = []
    for question in questions:
        fitting = sum(question.fits(gift) for gift in gifts if question.filters.admit(Facts.of(gift)))
        assert fitting, f"no gift fits: {question.text}"
        found = searcher.search(question.text, question.filters, limit=FIRST)
        hits = sum(map(question.fits, found.items)) if found.total else 0
        results.append(Result(question, found.items, hits / min(FIRST, fitting)))
    return results


def hit_rate(results: Sequence[Result]) -> float:
    return fmean(result.hit for result in results)


def main() -> int:
    """Prints a line for each set, and the questions that found nothing fitting; with -v, all answers."""
    gifts = sandbox_gifts()
    enough = True
    wanted = [word for word in sys.argv[1:] if word != "-v"]
    print(f"{'questions':<12}{'count':>7}{'hit rate at 5':>16}{'recall at 5':>14}")
    for file in sorted(DIRECTORY.glob("*.txt")):
        if wanted and file.stem not in wanted:
            continue
        results = ask(read_questions(file), gifts)
        recall = fmean(result.recall for result in results)
        print(f"{file.stem:<12}{len(results):>7}{hit_rate(results):>16.3f}{recall:>14.3f}")
        enough = enough and hit_rate(results) >= LEAST_HIT_RATE
        for result in results:
            if "-v" in sys.argv or not result.hit:
                names = "; ".join(gift.name or gift.id for gift in result.found)
                print(f"    {result.recall:.2f} {result.question.text}: {names}")
    print(f"promised: a hit rate of at least {LEAST_HIT_RATE}")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
