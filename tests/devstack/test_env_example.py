import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_LINE = re.compile(r"^(?P<commented># )?(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>\S*)$", re.MULTILINE)
_READ_ELSEWHERE = {"PORT"}  # by the Procfile


def defaults_in_settings():
    """Each variable's name, in order, with its default as one would write it; None where that is computed."""
    tree = ast.parse((ROOT / "notifications_project" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    reads = [call for call in calls if ast.unparse(call.func.value) == "env"]
    reads.sort(key=lambda call: call.lineno)
    return {ast.literal_eval(call.args[0]): written(call.keywords[0].value) for call in reads}


def written(default):
    if not isinstance(default, ast.Constant):
        return None
    return str(int(default.value)) if isinstance(default.value, bool) else str(default.value)


def lines_of_the_example():
    return list(_LINE.finditer((ROOT / ".env.example").read_text()))


def test_the_example_lists_what_the_settings_read_in_their_order_and_nothing_else():
    names = [line["name"] for line in lines_of_the_example() if line["name"] not in _READ_ELSEWHERE]
    assert names == list(defaults_in_settings())


def test_lines_commented_out_show_the_default():
    defaults = defaults_in_settings()
    shown = {line["name"]: line["value"] for line in lines_of_the_example() if line["commented"]}
    assert {name for name, value in shown.items() if defaults.get(name) not in (None, value)} == set()


def test_the_example_holds_no_secret():
    values = {line["name"]: line["value"] for line in lines_of_the_example()}
    assert (values["SECRET_KEY"], values["JWT_SECRET"]) == ("", "")
