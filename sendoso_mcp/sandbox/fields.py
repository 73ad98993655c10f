"""Reads the fields of one request and notes every complaint, so that one answer names them all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from starlette.datastructures import QueryParams

from sendoso_mcp.sandbox.refusals import Invalid, Malformed

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,100}")

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """The fields of one request. What reading a bad one gives is of no use: `check` then raises."""

    def __init__(
        self, values: Mapping[str, Any], *, prefix: str = "", errors: dict[str, list[str]] | None = None
    ) -> None:
        self._values = values
        self._prefix = prefix
        self._errors: dict[str, list[str]] = {} if errors is None else errors

    @classmethod
    def of_query(cls, query: QueryParams) -> Fields:
        """The fields of a query string; a repeated one is no string, and so no valid value."""
        values = {name: query.getlist(name) for name in query}
        return cls({name: found[0] if len(found) == 1 else found for name, found in values.items()})

    def complain(self, name: str, why: str) -> None:
        """Notes what is wrong with a field."""
        self._errors.setdefault(self._prefix + name, []).append(why)

    def check(self) -> None:
        """Ends the reading.

        Raises:
            Invalid: if anything was wrong.
        """
        if self._errors:
            raise Invalid(self._errors)

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        """A string."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, str) or not _is_encodable(value):
            self.complain(name, "must be a string")
            return None
        if longest is not None and len(value) > longest:
            self.complain(name, f"is too long (maximum is {longest} characters)")
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there, with something in it."""
        if name not in self._values:
            self.complain(name, "is required")
        value = self.text(name)
        if value is not None and not value.strip():
            self.complain(name, "can't be blank")
        return value or ""

    def day(self, name: str) -> date | None:
        """A date written YYYY-MM-DD."""
        value = self.text(name)
        if value is None:
            return None
        try:
            if _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.complain(name, "must be a date (YYYY-MM-DD)")
        return None

    def required_day(self, name: str) -> date:
        """A date that must be there."""
        if name not in self._values:
            self.complain(name, "is required")
        return self.day(name) or date.min

    def days_in_order(self, start: date | None, end: date | None) -> None:
        """Checks that a range does not end before it starts."""
        if start is not None and end is not None and end < start:
            self.complain("end_date", "is before start_date")

    def choice(self, name: str, options: type[Choice]) -> Choice | None:
        """One of a fixed set of words."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return options(value)
        except ValueError:
            self.complain(name, f"must be one of: {', '.join(options)}")
            return None

    def whole(self, name: str, *, default: int, highest: int | None = None) -> int:
        """A whole number of at least 1, from a query."""
        value = self._values.get(name, str(default))
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            self.complain(name, "must be a whole number")
            return default
        number = int(value)
        if number < 1:
            self.complain(name, "must be at least 1")
        if highest is not None and number > highest:
            self.complain(name, f"must be at most {highest}")
        return number

    def within(self, name: str) -> Fields | None:
        """The fields of an object inside this one."""
        if name not in self._values:
            return None
        value = self._values[name]
        if not isinstance(value, dict):
            self.complain(name, "must be an object")
            return None
        return Fields(value, prefix=f"{self._prefix}{name}.", errors=self._errors)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        Malformed: if there is none.
    """
    try:
        value = json.loads(body, parse_constant=_no_such_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not valid JSON") from error
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object")
    return value


def _no_such_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_encodable(value: str) -> bool:
    # JSON can spell half of a surrogate pair, which no answer in UTF-8 could repeat.
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
