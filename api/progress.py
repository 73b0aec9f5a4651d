"""How far long work of the command line has got: one bar for each step, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from api.console import err

# Which step, how much of it is done, and of how much (None or 0: nobody knows).
Show = Callable[[str, int, int | None], None]


@contextmanager
def steps(names: Mapping[str, str]) -> Iterator[Show]:
    """Show steps by their names, in the order in which they come; one that is not named is soon done and not shown.

    Where standard error is no terminal, a step is a line when it begins.
    """
    if not err.is_terminal:
        seen: set[str] = set()

        def say(step: str, _done: int, _of: int | None) -> None:
            if step in names and step not in seen:
                seen.add(step)
                err.print(f"  {names[step]}", markup=False)

        yield say
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}
        current = ""

        def show(step: str, done: int, of: int | None) -> None:
            nonlocal current
            if step not in names:
                return
            if step != current and current:
                bars.stop_task(tasks[current])
            if step not in tasks:
                tasks[step] = bars.add_task(names[step], total=of or None)
            current = step
            bars.update(tasks[step], completed=done, total=of or None)

        yield show


@contextmanager
def one(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """The same for work of a single step."""
    with steps({"": name}) as show:
        yield lambda done, of: show("", done, of)
