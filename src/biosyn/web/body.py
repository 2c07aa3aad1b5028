"""The members of a JSON body, checked one by one."""

from typing import Any

from biosyn.web.base import ProblemError


class Body:
    """The members of a JSON body; each that is not what it should be is a 400 that says so."""

    def __init__(self, members: dict[str, Any], known: tuple[str, ...]):
        unknown = [key for key in members if key not in known]
        if unknown:
            raise ProblemError(400, f"the body has a member {unknown[0][:40]!r}: known are {', '.join(known)}")
        self._members = members

    def mentions(self, most: int) -> list[str]:
        """Return the mentions."""
        found = self._members.get("mentions")
        if not isinstance(found, list) or not found or not all(isinstance(mention, str) for mention in found):
            raise ProblemError(400, "mentions must be a list of one text or more")
        if len(found) > most:
            raise ProblemError(400, f"there are {len(found)} mentions: give {most} at most")
        return found

    def whole_number(self, key: str, default: int, *, most: int) -> int:
        """Return a whole number from 1 to the most."""
        found = self._members.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= most:
            raise ProblemError(400, f"{key} must be a whole number from 1 to {most}")
        return found

    def share(self, key: str) -> float:
        """Return a number from 0 to 1; 0 where it is absent."""
        found = self._members.get(key, 0)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
            raise ProblemError(400, f"{key} must be a number from 0 to 1")
        return found

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is absent."""
        found = self._members.get(key, False)
        if not isinstance(found, bool):
            raise ProblemError(400, f"{key} must be true or false")
        return found
