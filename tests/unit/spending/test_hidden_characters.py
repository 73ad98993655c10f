"""One mailbox is one person, however it is spelt with characters that nobody sees."""

from __future__ import annotations

import pytest

from sendoso_mcp.spending.mailboxes import is_address, normalised_email

HIDDEN = ["\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u2800", "\u3164", "\uffa0", "\ufe0f"]
HIDDEN += ["\U000e0100", "\u200b", "\x00", "\x01"]


@pytest.mark.parametrize("char", HIDDEN, ids=lambda char: f"U+{ord(char):04X}")
def test_a_hidden_character_makes_no_other_person(char: str) -> None:
    for spelling in (f"ann{char}@acme.test", f"{char}ann@acme.test", f"a{char}nn@ac{char}me.test"):
        assert normalised_email(spelling) == "ann@acme.test"


def test_a_look_alike_in_another_script_is_asked_about() -> None:
    assert not is_address("\u0430nn@acme.test")
