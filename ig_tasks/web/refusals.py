"""Why a page is not shown: raised by pages, told by `page_errors`."""

from __future__ import annotations

__all__ = ["BusyError", "PageError"]


class PageError(Exception):
    """A page that cannot be shown.

    Args:
        status: of HTTP.
        line: one line for people, that says what to do.
    """

    def __init__(self, status: int, line: str) -> None:
        super().__init__(status, line)
        self.status, self.line = status, line

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {}


class BusyError(PageError):
    """Too many ask for what takes long, all at one moment.

    Args:
        line: one line for people.
        seconds: after which it may be asked for again.
    """

    def __init__(self, line: str, seconds: int) -> None:
        super().__init__(503, line)
        self.seconds = seconds

    @property
    def headers(self) -> dict[str, str]:
        """When to ask again, for browsers and programs."""
        return {"Retry-After": str(self.seconds)}
