import json

import pytest

from benchmarks.growth import plot, report
from benchmarks.growth.scale import QUICK, Curve
from tests.benchmarks.growth.points import curve

PNG = b"\x89PNG"


@pytest.mark.parametrize("name", Curve)
def test_each_curve_is_drawn_alone_from_its_json(name, tmp_path):
    content = report.as_json(curve(name), QUICK)
    plot.draw(json.loads(json.dumps(content)), tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(PNG)


def test_all_curves_are_drawn_together(tmp_path):
    content = report.as_json([point for name in Curve for point in curve(name)], QUICK)
    plot.draw(json.loads(json.dumps(content)), tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(("value", "written"), [(12_345.6, "12,346"), (3.14, "3.1"), (0.137, "0.14")])
def test_figures_are_written_as_exactly_as_they_are_worth(value, written):
    assert plot._number(value) == written
