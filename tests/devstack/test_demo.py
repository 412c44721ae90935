import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from devstack.launch import ROOT, DemoFailed, drop_data
from devstack.ports import free_port, http_status
from devstack.stack import Servers
from devstack.waiting import wait_until
from tests.devstack.pids import descendants, is_alive

_PATIENCE = 120  # seconds
_MANAGE = "import manage, pathlib, sys; manage.STACK = pathlib.Path(sys.argv.pop(1)); manage.main()"


@dataclass(frozen=True)
class Demo:
    process: subprocess.Popen[str]
    var: Path
    port: int

    @property
    def stack_file(self) -> Path:
        return self.var / "stack.json"

    @property
    def stack(self) -> Mapping[str, str]:
        stack: Mapping[str, str] = json.loads(self.stack_file.read_text())
        return stack

    def is_ready_or_ended(self) -> bool:
        return self.process.poll() is not None or http_status(self.port, "/readyz") == 200

    def press(self, button: str, **data: str) -> httpx.Response:
        """As the page does: with the token that it was served with."""
        with httpx.Client(base_url=self.stack["base_url"]) as browser:
            browser.get("/")
            return browser.post(button, data=data, headers={"X-CSRFToken": browser.cookies["csrftoken"]})

    def get(self, path: str, *, token: str) -> httpx.Response:
        return httpx.get(f"{self.stack['base_url']}{path}", headers={"Authorization": f"Bearer {token}"})


def demo_process(var: Path, *, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "devstack", "demo", "--var", str(var)],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stop_and_find_nothing_left(process: subprocess.Popen[str], number: signal.Signals, *, var: Path) -> str:
    """Return what it said after all that was read already."""
    started = descendants(process.pid)
    process.send_signal(number)
    output, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0, output
    assert "Everything is stopped." in output
    assert started != []
    assert not any(map(is_alive, started))
    assert not (var / "stack.json").exists()
    return output


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A running demo; that it warns of nothing and stops without a trace on Ctrl-C is seen at the end."""
    demo = Demo(demo_process(var := tmp_path_factory.mktemp("demo"), port=(port := free_port())), var, port)
    try:
        assert wait_until(demo.is_ready_or_ended, seconds=_PATIENCE)
        yield demo
        assert "Warning" not in stop_and_find_nothing_left(demo.process, signal.SIGINT, var=var)
    finally:
        demo.process.kill()
        demo.process.communicate()


def test_the_demo_shows_a_page_and_keeps_its_addresses_private(demo: Demo):
    assert httpx.get(demo.stack["base_url"]).status_code == 200
    assert demo.stack_file.stat().st_mode & 0o777 == 0o600


def test_the_program_for_producers_to_try_rings_alices_bell(demo: Demo, tmp_path: Path):
    token = demo.press("/demo/token", user="alice").json()["token"]
    (tmp_path / "var").symlink_to(demo.var)
    [program] = re.findall(r"```python\n(import json\n.*?)```", (ROOT / "docs" / "producers.md").read_text(), re.DOTALL)
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=variables, check=True)

    def rang() -> bool:
        return "Q3 plan" in demo.get("/api/v1/notifications", token=token).json()["notifications"][0]["body"]

    assert wait_until(rang, seconds=10)


def test_a_button_of_the_demo_leads_to_a_notification(demo: Demo):
    published = demo.press("/demo/publish", service="tasks", user="alice").json()["published"][0]
    token = demo.press("/demo/token", user="alice").json()["token"]
    path = f"/api/v1/notifications/{published['notification_id']}"
    assert wait_until(lambda: demo.get(path, token=token).status_code == 200, seconds=10)


def test_commands_reach_the_demo_with_no_further_settings(demo: Demo):
    environment = {name: value for name, value in os.environ.items() if name not in demo.stack["environment"]}
    command = [sys.executable, "-c", _MANAGE, str(demo.stack_file), "issue_token", "alice@example.com"]
    token = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    bell = demo.get("/api/v1/notifications/bell", token=token.strip()).json()
    assert bell["websocket_url"] == demo.stack["websocket_url"]


def test_a_running_demo_refuses_to_lose_its_data(demo: Demo):
    with pytest.raises(DemoFailed, match="already running"):
        drop_data(demo.var)


def test_a_demo_that_is_stopped_while_it_starts_leaves_nothing_behind(tmp_path: Path):
    with demo_process(tmp_path, port=free_port()) as process:
        assert process.stdout is not None
        assert "are up" in process.stdout.readline()
        stop_and_find_nothing_left(process, signal.SIGTERM, var=tmp_path)


def test_a_port_that_is_taken_is_refused_in_one_sentence(servers: Servers, tmp_path: Path):
    taken = servers.aws.port
    with demo_process(tmp_path, port=taken) as process:
        output, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 1
    assert output == f"Port {taken} is taken. Choose another one: make demo PORT={taken + 1}\n"


def test_dropping_the_data_leaves_an_empty_folder(tmp_path: Path):
    (tmp_path / "postgresql").mkdir()
    (tmp_path / "identity.json").write_text("{}")
    drop_data(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.lock"]
