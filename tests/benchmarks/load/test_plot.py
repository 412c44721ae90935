import json

import pytest

from benchmarks.load import plot

SECONDS = 3
PERCENTILES = {"p50": 10.0, "p95": 20.0, "p99": 30.0, "maximum": 40.0}


@pytest.fixture
def content():
    parts = {f"part {number}": 0.1 for number in range(10)}
    sample = {"published": 1, "heard": 1, "queued": 0, "mails": 0, "pushes": 0, "cores": parts, "memory": parts}
    return {
        "machine": {"cores": 2, "cpu": "CPU", "measured_at": "now", "commit": "abc"},
        "plan": {"rate": 1.0, "mix": "default", "way": "one by one", "users": 40, "warm_up": 1.0, "seconds": 2.0},
        "event_to_socket_ms_by_second": [{"at": at, **PERCENTILES} for at in range(SECONDS)],
        "samples": [{"at": float(at), **sample} for at in range(SECONDS)],
    }


def test_the_plot_is_drawn_from_the_json_alone(content, tmp_path):
    plot.draw(json.loads(json.dumps(content)), tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


def test_parts_beyond_the_seven_busiest_are_summed(content):
    columns = plot._columns(content["samples"], "cores")
    assert len(columns) == 8
    assert columns["3 others together"] == [pytest.approx(0.3)] * SECONDS
