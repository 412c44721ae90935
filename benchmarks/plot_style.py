"""How the benchmarks' plots look, and that they are drawn without a screen."""

from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

STYLE: Final[Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa0a6",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8eaed",
}
