"""Routes as OGC API wants them: a wrong parameter is 400, and so is one that nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api import problems
from gisops.errors import InvalidInput

# In a route's openapi_extra: it takes more parameters than it declares, and refuses the others itself.
OPEN_PARAMETERS = "x-parameters-by-collection"


class OgcRoute(APIRoute):
    """A route whose wrong parameters are 400, as OGC API - Features demands (7.15.1), and not the 422 used elsewhere.

    A parameter it does not know is wrong too: a misspelt filter that is silently ignored answers another question.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler."""
        handle = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}
        takes_more = bool((self.openapi_extra or {}).get(OPEN_PARAMETERS))

        async def answer(request: Request) -> Response:
            try:
                if not takes_more:
                    refuse_unknown(request.query_params, known)
                refuse_repeated(request)
                return await handle(request)
            except InvalidInput as error:
                return problems.answer(problems.of_error(error, request.url.path) | {"status": 400})
            except RequestValidationError as error:
                return problems.answer(problems.of_shape(error.errors(), request.url.path) | {"status": 400})

        return answer


def refuse_unknown(sent: Iterable[str], known: Collection[str]) -> None:
    """Raise ``InvalidInput`` for parameters that are not among those known."""
    unknown = sorted(set(sent) - set(known))
    if unknown:
        raise InvalidInput(f"Unknown parameters: {', '.join(unknown)}.", parameters=unknown, known=sorted(known))


def refuse_repeated(request: Request) -> None:
    """Raise ``InvalidInput`` for a parameter that was sent twice: one of the two would be ignored."""
    names = [name for name, _ in request.query_params.multi_items()]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise InvalidInput(f"Sent more than once: {', '.join(repeated)}.", parameters=repeated)
