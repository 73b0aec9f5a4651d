"""One makes a thing, and all who want the same one at that moment get it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

# Longer than any statement may run: whoever waits for another's is told when that one failed.
_LONGEST_S = 60


class Flights(Generic[T]):
    """One at a time makes a thing; whoever wants the same one meanwhile, in whatever thread, waits for it."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Future[T]] = {}
        self._lock = Lock()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Make it, or wait for who is at it. Raises what ``make`` raises, to all of them."""
        with self._lock:
            made = self._made.get(key)
            if made is None:
                mine = self._made[key] = Future()
        if made is not None:
            return made.result(_LONGEST_S)
        try:
            thing = make()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(thing)
            return thing
        finally:
            with self._lock:
                del self._made[key]
