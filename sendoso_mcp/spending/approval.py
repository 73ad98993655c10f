"""A person's yes, bound to what was shown to them."""

from __future__ import annotations

from dataclasses import dataclass

from sendoso_mcp.spending.quote import Quote


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed to one quote. `rung` says how they were asked, such as `chat_form`."""

    quote_digest: str
    rung: str

    @classmethod
    def of(cls, quote: Quote, rung: str) -> Approval:
        """The yes that was given to `quote`."""
        return cls(quote.digest, rung)

    def covers(self, quote: Quote) -> bool:
        """Whether this yes was given to exactly these facts."""
        return self.quote_digest == quote.digest
