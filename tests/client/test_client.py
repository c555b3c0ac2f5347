"""The client of users: what it does where a line, a proxy or a server behaves badly.

That it does its work on a real factory is shown by the page "Use Python", which is run as it is.
"""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from allmende.client import ApiError, Client, FileDiffers, TokenNeedsCover, Unreachable

TOKEN = "allmende_secret"


class Line(BaseHTTPRequestHandler):
    """Answers with what the test has prepared, one after another, and notes what was asked."""

    def _answer(self) -> None:
        key, body = self.headers.get("Idempotency-Key"), b"".join(self._read())
        self.server.asked.append((self.command, self.path, key, body))
        self.server.tokens.append(self.headers.get("Authorization"))
        status, content, *headers = self.server.answers.pop(0)
        if status == 0:  # the line breaks, after some seconds
            self.server.clock.sleep(content)
            self.connection.close()
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

    def _read(self) -> Iterator[bytes]:
        yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()

    do_GET = do_POST = _answer  # noqa: N815 - names that http.server asks for

    def log_message(self, *_: object) -> None:
        """Say nothing while tests run."""


class Clock:
    """Goes on only while somebody waits, so that no stall of the machine ends anybody's patience.

    It stands for the module `time` as well.
    """

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def server(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Line)
    server.asked, server.tokens, server.answers, server.clock = [], [], [], Clock()
    monkeypatch.setattr("allmende.client.calls.time", server.clock)
    monkeypatch.setattr("allmende.client.jobs.time", server.clock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(server) -> Client:
    return Client(address(server), TOKEN, patience_seconds=2)


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


JOB = {"id": "j-1", "name": "n", "state": "pending", "project_id": "p", "attempts": 0}


def test_a_submission_whose_answer_was_lost_is_sent_again_under_the_same_key(client, server):
    server.answers = [(0, 0), (503, b"<html>starting</html>"), (201, [JOB])]
    [job] = client.submit({"name": "n", "run": "true"}, project="p")
    assert (job.id, job.state, job.has_ended) == ("j-1", "pending", False)
    assert len(server.asked) == 3
    assert len(set(server.asked)) == 1
    assert server.asked[0][2]


def test_what_is_not_safe_to_repeat_is_asked_once(client, server):
    server.answers = [(0, 0)]
    with pytest.raises(Unreachable, match="cannot be reached"):
        client.ask("POST", "/tokens", body={})
    assert len(server.asked) == 1


def test_patience_ends_with_what_the_proxy_said(client, server):
    server.answers = [(502, b"")] * 9
    with pytest.raises(ApiError, match="502 Bad Gateway"):
        client.ask("GET", "/me")
    assert len(server.asked) == 3  # after half a second, and after another one


def test_patience_begins_when_the_line_first_fails(client, server):
    server.answers = [(0, 50), (200, {})]
    assert client.ask("GET", "/me") == {}


def test_a_refusal_has_its_sentence_its_code_and_its_facts(client, server):
    problem = {"detail": "Es gibt keinen Job j-1.", "code": "NotFound", "facts": {"id": "j-1"}}
    server.answers = [(404, problem)]
    with pytest.raises(ApiError, match=r"Es gibt keinen Job j-1\.") as refused:
        client.job("j-1")
    assert (refused.value.status, refused.value.code) == (404, "NotFound")
    assert refused.value.facts == {"id": "j-1"}


def test_a_token_is_sent_to_its_factory_alone(client, server):
    server.answers = [(302, b"", ("Location", "https://elsewhere.example/me"))]
    with pytest.raises(ApiError, match=r"moved to https://elsewhere\.example/me"):
        client.ask("GET", "/me")
    assert server.tokens == [f"Bearer {TOKEN}"]
    for url in ("http://factory.example", "ftp://factory.example", "factory.example"):
        with pytest.raises(TokenNeedsCover, match="https://") as refused:
            Client(url, TOKEN)
        assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("behind", ["", "/", "/api/v1", "/api/v1/"])
def test_an_address_may_be_that_of_the_api(server, behind):
    server.answers = [(200, {})]
    Client(address(server) + behind, TOKEN).ask("GET", "/me")
    assert server.asked[0][1] == "/api/v1/me"


def test_what_is_no_factory_is_named_at_once(client, server):
    server.answers = [(200, b"<html>Welcome</html>"), (404, b"<html>Nothing</html>")]
    with pytest.raises(Unreachable, match=r"/api/v1/me answers is no JSON\. Check the address"):
        client.ask("GET", "/me")
    with pytest.raises(ApiError, match=r"/api/v1/me answers 404 Not Found"):
        client.ask("GET", "/me")


@pytest.mark.parametrize("odd", [f"{TOKEN}\nX: y", f"{TOKEN}…"])
def test_a_token_that_cannot_be_one_is_not_shown(server, odd):
    server.answers = [(200, {})]
    Client(address(server), f" {TOKEN}\n").ask("GET", "/me")  # as a file has it
    assert server.tokens == [f"Bearer {TOKEN}"]
    with pytest.raises(ValueError, match="Copy it once more") as refused:
        Client(address(server), odd)
    assert TOKEN not in str(refused.value)


def test_a_token_for_this_machine_goes_through_no_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    server.answers = [(200, {"name": "Lena"})]
    client = Client(address(server), TOKEN, patience_seconds=0)
    assert client.ask("GET", "/me") == {"name": "Lena"}


def test_without_an_address_it_says_what_to_set(monkeypatch):
    monkeypatch.delenv("ALLMENDE_URL", raising=False)
    with pytest.raises(ValueError, match="Set ALLMENDE_URL"):
        Client()


def test_lists_come_whole_page_by_page(client, server):
    server.answers = [
        (200, {"items": [{"id": "a"}, {"id": "b"}], "next": "b"}),
        (200, {"items": [{"id": "c"}], "next": None}),
    ]
    assert [each["id"] for each in client.each("/things", kind="x y")] == ["a", "b", "c"]
    paths = [path for _, path, _, _ in server.asked]
    assert paths == ["/api/v1/things?kind=x+y", "/api/v1/things?kind=x+y&after=b"]
    server.answers = [(200, [{"id": "a"}])]  # a short one has no pages
    assert list(client.each("/sites")) == [{"id": "a"}]


def model_with(client, server, **file) -> object:
    server.answers = [(200, {"id": "m-1", "name": "m", "version": 1, "files": [file]})]
    return client.model("m-1")


def test_a_file_that_broke_off_is_fetched_again_from_its_beginning(client, server, tmp_path):
    sha256 = hashlib.sha256(b"weights").hexdigest()
    model = model_with(client, server, name="deep/w.bin", sha256=sha256)
    cut = (200, b"wei", ("Content-Length", "7"))
    server.answers = [cut, (200, b"weights", ("Content-Length", "7"))]
    assert model.download(tmp_path) == [tmp_path / "deep/w.bin"]
    assert (tmp_path / "deep/w.bin").read_bytes() == b"weights"
    assert model.download(tmp_path) == [tmp_path / "deep/w.bin"]
    assert len(server.asked) == 3  # what lies there is not fetched once more


def test_trouble_of_the_disk_is_none_of_the_line(client, server, tmp_path):
    model = model_with(client, server, name="w.bin", sha256="0" * 64)
    (tmp_path / ".w.bin.part").mkdir()
    server.answers = [(200, b"weights")]
    with pytest.raises(OSError, match="directory"):
        model.download(tmp_path)
    assert len(server.asked) == 2


def test_a_file_that_differs_is_not_kept(client, server, tmp_path):
    model = model_with(client, server, name="w.bin", sha256="0" * 64)
    server.answers = [(200, b"weights")]
    with pytest.raises(FileDiffers, match=r"w\.bin differs"):
        model.download(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../w.bin", "/tmp/w.bin", "a/../../w.bin"])
def test_no_file_is_written_outside_of_the_folder(client, server, tmp_path, name):
    model = model_with(client, server, name=name, sha256="0" * 64)
    with pytest.raises(FileDiffers, match="outside"):
        model.download(tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_code_that_the_project_has_is_not_sent_again(client, server, tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print()")
    (tmp_path / "job.yaml").write_text("name: n\nworkdir: code\nrun: python3 train.py\n")
    monkeypatch.chdir(tmp_path)
    missing = (404, {"code": "NotFound", "facts": {"kind": "code"}, "detail": ""})
    there = {"workdir": "sha256:1"}
    sent = [(0, 0), (201, there)]  # at the second try
    server.answers = [missing, *sent, (201, [JOB]), (200, there), (201, [JOB])]
    for job_file in (tmp_path / "job.yaml", {"workdir": Path("code"), "run": "true"}):
        client.submit(job_file, project="p", key="k")
    asked = [(method, path.split("/")[-1][:8]) for method, path, _, _ in server.asked]
    assert [method for method, _ in asked] == ["GET", "POST", "POST", "POST", "GET", "POST"]
    assert {json.loads(body)["workdir"] for *_, key, body in server.asked if key} == {"sha256:1"}


def test_code_is_not_sent_to_a_project_that_is_not_there(client, server, tmp_path):
    (tmp_path / "train.py").write_text("print()")
    (tmp_path / "job.yaml").write_text("name: n\nworkdir: .\nrun: python3 train.py\n")
    server.answers = [(404, {"code": "NotFound", "facts": {"kind": "project"}, "detail": "No."})]
    with pytest.raises(ApiError, match="No"):
        client.submit(tmp_path / "job.yaml", project="p")
    assert len(server.asked) == 1


def test_what_cannot_come_along_is_refused_before_anything_is_sent(client, server, tmp_path):
    (tmp_path / "job.yaml").write_text("name: [n")
    without_folder = {"name": "n", "run": "true", "workdir": "not-there"}
    for job_file, code in (
        (without_folder, "NoSuchFolder"),
        (tmp_path / "job.yaml", "JobFileIsUnreadable"),
        (tmp_path / "absent.yaml", "JobFileIsUnreadable"),
    ):
        with pytest.raises(ApiError) as refused:
            client.submit(job_file, project="p")
        assert refused.value.code == code
    assert server.asked == []


def test_a_log_is_followed_over_its_attempts_to_the_end(client, server):
    def job(state: str, attempts: int) -> tuple[int, object]:
        return 200, {"job": {**JOB, "state": state, "attempts": attempts}}

    def part(text: str, offset: int, *, is_whole: bool) -> tuple[int, object]:
        return 200, {"text": text, "next_offset": offset, "is_whole": is_whole}

    server.answers = [
        job("pending", 0),  # asked for
        *(job("pending", 0), job("running", 1), part("one", 3, is_whole=False)),
        *(job("running", 1), part(" two", 7, is_whole=True)),
        *(job("running", 2), part("", 7, is_whole=True)),
        *(job("completed", 2), part("three", 5, is_whole=True)),
    ]
    assert list(client.job("j-1").log(follow=True)) == ["one", " two", "three"]
    asked = [path.partition("?")[2] for _, path, _, _ in server.asked if "/log" in path]
    assert asked == [f"attempt={n}&offset={at}" for n, at in ((1, 0), (1, 3), (1, 7), (2, 0))]
    assert server.answers == []


def test_a_model_is_waited_for_until_what_the_job_left_was_read(client, server):
    ended = {**JOB, "state": "completed", "submitted_at": "2026-01-01T10:00:00Z"}
    model = {"id": "m-1", "job_id": "j-1", "created_at": "2026-01-01T11:00:00Z"}
    older = {"id": "m-0", "job_id": "j-0", "created_at": "2026-01-01T09:00:00Z"}
    unread = (200, {"job": {**ended, "outputs_read_at": None}})
    read = (200, {"job": {**ended, "outputs_read_at": "2026-01-01T11:00:00Z"}})
    for items, found in (([model, older], "m-1"), ([older, model], None)):
        server.answers = [unread, unread, read, (200, {"items": items, "next": None})]
        left = client.job("j-1").model()
        assert (left and left.id) == found
        assert server.answers == []


def test_it_needs_no_django():
    code = "import sys, allmende.client; print(sorted({'django', 'numpy'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
