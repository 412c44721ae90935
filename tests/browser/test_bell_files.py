"""What a page loads for the bell."""

import gzip
import re

from tests.conftest import ROOT

FOLDER = ROOT / "notifications" / "static" / "notifications"
WITH_THE_SETTINGS = "preferences"  # how the files begin that are fetched when somebody opens them
LOADED_AT_ONCE = [
    path.read_text() for path in sorted(FOLDER.glob("*.js")) if not path.name.startswith(WITH_THE_SETTINGS)
]


def test_the_bell_stays_below_25_kilobytes():
    assert len(gzip.compress("".join(LOADED_AT_ONCE).encode())) < 25 * 1024


def test_no_file_makes_markup_or_code_of_a_string():
    makers = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in FOLDER.glob("*.js") if makers.search(path.read_text())] == []


def test_nothing_is_loaded_from_elsewhere():
    imported = re.findall(r'(?:from|import\()\s*"([^"]+)"', "".join(path.read_text() for path in FOLDER.glob("*.js")))
    assert {name.removeprefix("./") for name in imported} <= {path.name for path in FOLDER.glob("*.js")}
