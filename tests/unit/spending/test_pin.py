"""The PIN and its hash."""

from __future__ import annotations

import pytest

from sendoso_mcp.spending.pin import LONGEST, check_pin, hash_pin, is_pin


def test_a_hash_is_that_of_one_pin_and_does_not_show_it() -> None:
    first, second = hash_pin("271828"), hash_pin("271828")
    assert first != second
    assert "271828" not in first
    assert is_pin("271828", first)
    assert is_pin(" \uff12\uff17\uff11\uff18\uff12\uff18 ", second)  # the same keys, on another keyboard
    for wrong in ("271829", "27182", "", "\ud800"):
        assert not is_pin(wrong, first)


@pytest.mark.parametrize(
    "stored",
    ["", "271828", "scrypt$1$1$1$zz$zz", "scrypt$-1$8$1$00$00", "scrypt$99999999999999$8$1$00$00", "$" * 5],
)
def test_what_is_no_hash_is_that_of_no_pin(stored: str) -> None:
    assert not is_pin("271828", stored)


@pytest.mark.parametrize("pin", ["271828", "correct horse", "p\u00e4sse1", "135792", "x2" * (LONGEST // 2)])
def test_what_can_be_a_pin(pin: str) -> None:
    check_pin(pin)


@pytest.mark.parametrize(
    "pin", ["", "27182", "     27182     ", "x2" * LONGEST, "111111", "123456", "987654", "abcdef"]
)
def test_what_cannot_be_a_pin(pin: str) -> None:
    with pytest.raises(ValueError, match="PIN") as caught:
        check_pin(pin)
    assert not pin or pin not in str(caught.value)
