"""The pages by which a simulator is told to fail and asked what it received (spec §11)."""

from http import HTTPStatus
from typing import Final

import orjson

from devstack.simulators.exchange import Answer, Request, json_answer, problem
from devstack.simulators.faults import Fault, Faults, InvalidFault
from devstack.simulators.journal import Journal

READY_PATH: Final = "/_ready"


class Controls:
    """`/_faults`: GET, PUT one or a list, DELETE. `/_received`: GET, also with `?after=<number>`, and DELETE."""

    def __init__(self, faults: Faults, journal: Journal) -> None:
        self._faults = faults
        self._journal = journal

    def answer(self, request: Request) -> Answer | None:
        """None when `request` is for another page."""
        match request.method, request.path:
            case "GET", "/_faults":
                return json_answer(self._faults.as_json())
            case "PUT", "/_faults":
                return self._plan(request.body)
            case "DELETE", "/_faults":
                self._faults.plan([])
                return Answer(HTTPStatus.NO_CONTENT)
            case "GET", "/_received":
                return self._received(request.query.get("after", "0"))
            case "DELETE", "/_received":
                self._journal.clear()
                return Answer(HTTPStatus.NO_CONTENT)
            case "GET", path if path == READY_PATH:
                return json_answer({"ready": True})
        return None

    def _plan(self, body: bytes) -> Answer:
        try:
            wanted = orjson.loads(body)
            self._faults.plan([Fault.parse(one) for one in (wanted if isinstance(wanted, list) else [wanted])])
        except orjson.JSONDecodeError:
            return problem(HTTPStatus.BAD_REQUEST, "The body is not JSON.")
        except InvalidFault as invalid:
            return problem(HTTPStatus.BAD_REQUEST, str(invalid))
        return json_answer(self._faults.as_json())

    def _received(self, after: str) -> Answer:
        if not after.isdecimal():
            return problem(HTTPStatus.BAD_REQUEST, "after is the number of a call.")
        return json_answer(self._journal.after(int(after)))
