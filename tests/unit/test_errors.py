from __future__ import annotations

import inspect
import re

import pytest

from sendoso_mcp import errors
from sendoso_mcp.errors import (
    ApiError,
    BadArgument,
    BadCredentials,
    BudgetExceeded,
    Conflict,
    ConnectionLost,
    InvalidRequest,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SendosoError,
    ServerFault,
    SettingsError,
    Timeout,
    TooBusy,
    Unauthorized,
    UnreadableAnswer,
    ValidationFailed,
    one_error,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, SendosoError)
}


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ├└─]*)([A-Z]\w+)(?:\s|$)", line):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1] if depth else "Exception"
    assert drawn == {name: cls.__base__.__name__ for name, cls in CLASSES.items() if cls.__base__}


def test_no_error_both_proves_and_does_not_prove_that_nothing_was_ordered() -> None:
    for cls in CLASSES.values():
        sides = [side for side in (NotConnected, Refused, OutcomeUnknown) if issubclass(cls, side)]
        assert len(sides) <= 1
        assert not sides or issubclass(cls, ApiError)
    for doubtful in (Timeout, ServerFault, UnreadableAnswer):
        assert issubclass(doubtful, OutcomeUnknown)
    for refusal in (
        InvalidRequest,
        Unauthorized,
        BudgetExceeded,
        NotFound,
        Conflict,
        ValidationFailed,
        RateLimited,
    ):
        assert issubclass(refusal, Refused)


EXAMPLES = (
    TooBusy(25.0),
    NotConnected("sendoso.test"),
    Timeout(25.0),
    ConnectionLost(),
    ServerFault(503),
    ServerFault(418),
    UnreadableAnswer("a web page"),
    InvalidRequest(),
    InvalidRequest(["email", "country"]),
    Unauthorized(),
    Unauthorized(403),
    BudgetExceeded(),
    NotFound(),
    NotFound("send send_1"),
    Conflict(),
    ValidationFailed(),
    ValidationFailed(["item_id"]),
    RateLimited(),
    RateLimited(17.4),
)


@pytest.mark.parametrize("error", EXAMPLES, ids=repr)
def test_a_message_is_complete_sentences(error: SendosoError) -> None:
    text = str(error)
    assert re.match(r"[A-Z]", text)
    assert text.endswith(".")
    assert ".." not in text
    assert "None" not in text
    assert len(text) < 250


def test_every_error_of_the_api_is_among_the_examples() -> None:
    leaves = {cls for cls in CLASSES.values() if issubclass(cls, ApiError) and not cls.__subclasses__()}
    assert leaves == {type(error) for error in EXAMPLES}


@pytest.mark.parametrize("kind", [InvalidRequest, ValidationFailed])
def test_fields_are_named(kind: type[InvalidRequest | ValidationFailed]) -> None:
    error = kind(["email", "country"])
    assert "email, country" in str(error)
    assert error.fields == ("email", "country")
    assert "names" not in str(kind())


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [(None, "a minute"), (17.4, "17 seconds"), (1.0, "1 seconds"), (3600, "3600 seconds")],
)
def test_a_limit_says_how_long_to_wait(seconds: float | None, wait: str) -> None:
    error = RateLimited(seconds)
    assert f"Wait {wait}" in str(error)
    assert error.retry_after == seconds


@pytest.mark.parametrize(("seconds", "text"), [(25.0, "25 seconds"), (0.05, "0.05 seconds")])
def test_a_timeout_says_how_long_was_waited(seconds: float, text: str) -> None:
    assert text in str(Timeout(seconds))


def test_bad_credentials_are_a_matter_of_settings() -> None:
    assert issubclass(BadCredentials, SettingsError)
    assert not issubclass(BadCredentials, ApiError)


def test_what_does_not_fail_is_left_alone() -> None:
    with one_error():
        pass


@pytest.mark.parametrize("error", [KeyError("x"), Timeout(1), KeyboardInterrupt()])
def test_a_single_error_passes_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, one_error():
        raise error
    assert caught.value is error


DEFECT, MENDABLE, FIRST, SECOND = RuntimeError("defect"), BadArgument("x"), Timeout(1), ServerFault(500)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ([FIRST], FIRST),
        ([FIRST, SECOND], FIRST),
        ([SECOND, FIRST], SECOND),
        ([FIRST, MENDABLE], MENDABLE),
        ([FIRST, MENDABLE, DEFECT], DEFECT),
        ([FIRST, ExceptionGroup("inner", [SECOND, ExceptionGroup("inmost", [MENDABLE])])], MENDABLE),
        ([ExceptionGroup("inner", [DEFECT]), MENDABLE], DEFECT),
    ],
)
def test_of_a_group_the_error_worth_telling_is_raised(raised: list[Exception], told: Exception) -> None:
    with pytest.raises(type(told)) as caught, one_error():
        raise ExceptionGroup("group", raised)
    assert caught.value is told


def test_an_interruption_in_a_group_is_never_hidden() -> None:
    with pytest.raises(KeyboardInterrupt), one_error():
        raise BaseExceptionGroup("group", [MENDABLE, KeyboardInterrupt()])
