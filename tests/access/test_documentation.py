"""The documentation is open to everybody, and answers everybody alike, whatever the address says."""

import pytest
from django.utils.translation import trans_real
from drf_spectacular.generators import SchemaGenerator

ODD = ["lang=zz", "lang=../../../../tmp/x", "version=9", "version=%0d%0aSet-Cookie:%20a=b", "format=yaml", "lang=%00"]


@pytest.mark.parametrize("odd", ODD)
def test_the_document_is_the_same_whatever_is_asked_for(client, odd):
    usual, answer = client.get("/api/schema"), client.get(f"/api/schema?{odd}")
    assert (answer.status_code, answer.headers, answer.content) == (200, usual.headers, usual.content)


def test_nobody_fills_our_memory_with_languages(client):
    before = dict(trans_real._translations)
    for page in ("/api/schema", "/api/docs"):
        client.get(f"{page}?lang=made-up")
    assert trans_real._translations == before


def test_the_document_is_written_once(client, monkeypatch):
    client.get("/api/schema")
    monkeypatch.delattr(SchemaGenerator, "get_schema")
    assert client.get("/api/schema").status_code == 200


@pytest.mark.parametrize("odd", ["lang=</script><script>alert(1)</script>", "version='-alert(1)-'"])
def test_the_page_repeats_nothing_as_code(client, odd):
    page = client.get(f"/api/docs?{odd}").content.decode() + client.get(f"/api/docs?script&{odd}").content.decode()
    assert "alert(1)</script>" not in page
    assert "'-alert(1)-'" not in page
