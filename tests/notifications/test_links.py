import pytest
from ada_url import URL
from hypothesis import given
from hypothesis import strategies as st

from notifications import links

OURS = "https://notifications.example.com"


@pytest.fixture(autouse=True)
def _settings(settings):
    settings.PUBLIC_URL = OURS
    settings.RESOURCE_URL_HOSTS = ["app.partner.example"]


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
anything = st.text("/\\@:?#%.[]\t\n a0é", max_size=12)


@given(rest=printable | anything)
def test_what_starts_with_a_slash_is_allowed_only_where_a_browser_stays_with_us(rest):
    if links.is_allowed(f"/{rest}"):
        assert URL(f"/{rest}", base=OURS).origin == OURS


@given(rest=printable)
def test_a_printable_path_without_a_second_slash_a_backslash_or_a_space_is_allowed(rest):
    path = "/" + rest.lstrip("/").replace("\\", "").replace(" ", "")
    assert links.is_allowed(path) is not path.startswith("//")


@pytest.mark.parametrize("url", ["/\t/evil.example", "/\n//evil.example", "/\u00a0", "/ä", "/%2F/evil.example"])
def test_a_path_that_is_not_plain_is_judged_by_the_browsers_rules(url):
    assert links.is_allowed(url) == (URL(url, base=OURS).origin == OURS)
