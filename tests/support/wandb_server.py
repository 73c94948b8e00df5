"""As much of a W&B server as `wandb` needs, on this machine: keeps what runs upload."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from support.wandb_artifacts import Storage

VIEWER = {"id": "user", "entity": "somebody", "username": "somebody", "email": "", "flags": "{}"}


@dataclass
class UploadedRun:
    """What the server knows of a run."""

    fields: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    history: dict[int, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The history, a mapping per row."""
        return [json.loads(line) for _, line in sorted(self.history.items())]


class WandbServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `runs` by id. With `answers=False` it accepts requests and is silent."""

    daemon_threads = True

    def __init__(self, answers: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[str, UploadedRun] = {}
        self.alerts: list[dict[str, Any]] = []
        self.answers, self.ended = answers, threading.Event()
        self.storage = Storage(self.url)
        self.uploads_left: int | None = None
        """How many more files are taken before every connection is dropped; None: all of them."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error."""

    def query(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer to a GraphQL operation."""
        project = {"id": "project", "name": variables.get("project"), "entity": {"id": "entity", "name": "somebody"}}
        if name == "NotifyScriptableRunAlert":
            self.alerts.append(variables)
            return {"notifyScriptableRunAlert": {"success": True}}
        if name == "RunResumeStatus":
            return {"model": project | {"bucket": self._bucket(variables["name"])}}
        if name == "UpsertBucket":
            is_new = variables["name"] not in self.runs
            run = self.runs.setdefault(variables["name"], UploadedRun())
            run.fields |= {key: value for key, value in variables.items() if value is not None}
            run.config |= {key: item["value"] for key, item in json.loads(variables["config"] or "{}").items()}
            return {
                "upsertBucket": {"bucket": self._bucket(variables["name"]) | {"project": project}, "inserted": is_new}
            }
        if name == "Viewer":
            return {"viewer": VIEWER | {"teams": {"edges": []}}}
        return self.storage.answer(name, variables) or {}

    def _bucket(self, run_id: str) -> dict[str, Any] | None:
        run = self.runs.get(run_id)
        if run is None:
            return None
        return {
            "id": run_id,
            "name": run_id,
            "displayName": run.fields.get("displayName"),
            "tags": run.fields.get("tags"),
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "summaryMetrics": json.dumps(run.summary),
            "historyLineCount": len(run.history),
            "historyTail": json.dumps([run.history[line] for line in sorted(run.history)[-1:]]),
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
            "wandbConfig": json.dumps({"t": 1}),
        }

    def stream(self, run_id: str, body: dict[str, Any]) -> None:
        """Keep the lines that a run sends while it goes on."""
        run = self.runs[run_id]
        files = body.get("files") or {}
        history = files.get("wandb-history.jsonl")
        if history:
            run.history |= dict(enumerate(history["content"], history["offset"]))
        if "wandb-summary.json" in files:
            run.summary = json.loads(files["wandb-summary.json"]["content"][-1])
        if body.get("complete"):
            run.exit_code = body["exitcode"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def do_POST(self) -> None:
        body = self._body()
        if self.server.uploads_left == 0:
            self._drop()
            return
        if not self.server.answers:
            self.server.ended.wait(60)
        reply: dict[str, Any] = {}
        if self.path == "/graphql":
            request = json.loads(body)
            reply = {"data": self.server.query(request.get("operationName"), request.get("variables") or {})}
        elif self.path.endswith("/file_stream"):
            self.server.stream(self.path.split("/")[-2], json.loads(body))
        self._reply(reply)

    def do_PUT(self) -> None:
        content = self._body()
        if self.server.uploads_left is not None:
            if self.server.uploads_left == 0:
                self._drop()
                return
            self.server.uploads_left -= 1
        self.server.storage.keep(unquote(urlsplit(self.path).path).removeprefix("/kept/"), content)
        self._reply({})

    def _drop(self) -> None:
        """End the connection without an answer."""
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, content: dict[str, Any]) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def wandb_server(answers: bool = True) -> Iterator[WandbServer]:
    """A server that runs until the block ends."""
    with WandbServer(answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
