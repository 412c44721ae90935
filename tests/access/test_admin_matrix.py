"""Every address of the admin, by everybody who may knock. A new one that is not in a table fails here.

Who may: N, a member of staff in no group; S, Support; P, Product; A, a superuser. All other staff get 403. A stranger, a
user with a session and whoever brings a token instead are sent to the login.
"""

import itertools
import json
import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications import pipeline
from notifications.models import Backfill, Forecast, Notification, Path
from preferences.models import User
from tests.access.callers import bearer, routes, service_bearer
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.staff import browse_as, member, product_manager, superuser, supporter

pytestmark = pytest.mark.django_db

PAGES = ("", "add/", "<path:object_id>/history/", "<path:object_id>/delete/", "<path:object_id>/change/")

#: Who may GET the pages of each model.
MODELS = """
                                list    add     history delete  change
auth/group                      A       A       A       A       A
preferences/user                A       A       A       -       A
preferences/flag                PA      -       PA      -       PA
waffle/switch                   A       -       A       -       A
admin/logentry                  A       -       A       -       A
delivery/delivery               SA      -       SA      -       SA
delivery/suppressedaddress      SA      SA      SA      SA      SA
notifications/account           SA      -       SA      -       SA
notifications/rejectedevent     SA      -       SA      -       SA
notifications/backfill          SA      -       SA      -       SA
notifications/forecast          SPA     -       SPA     -       SPA
"""

#: Who may POST to them. The page of a person, on which nothing can be written, takes a POST for a GET; Django asks
#: about an addition or a deletion that the form does not confirm, or shows what is missing.
WRITING = """
                                add     delete  change
auth/group                      A       A       A
preferences/user                A       -       A
preferences/flag                -       -       PA
waffle/switch                   -       -       A
admin/logentry                  -       -       -
delivery/delivery               -       -       -
delivery/suppressedaddress      SA      SA      -
notifications/account           -       -       SA
notifications/rejectedevent     -       -       -
notifications/backfill          -       -       -
notifications/forecast          -       -       -
"""

#: Beside those of models: who may see, and who may act. A tool is a POST and nothing else.
OTHERS = """
GET   trace                                                                 SA
GET   explain                                                               SPA
POST  explain                                                               SA
GET   preview                                                               SPA
GET   preview/mail/<str:type_name>                                          SPA
GET   operations                                                            SPA
GET   switch                                                                SA
POST  switch                                                                A
GET   -                                                                     NSPA
GET   jsi18n/                                                               NSPA
GET   password_change/                                                      NSPA
POST  password_change/                                                      NSPA
GET   password_change/done/                                                 NSPA
GET   preferences/user/<id>/password/                                       A
POST  preferences/user/<id>/password/                                       A
POST  delivery/delivery/<path:object_id>/retry/                             SA
POST  delivery/delivery/<path:object_id>/body/                              SA
POST  notifications/rejectedevent/<path:object_id>/replay/                  SA
POST  notifications/rejectedevent/<path:object_id>/body/                    SA
POST  notifications/account/<uuid:user_id>/notifications/<str:id>/body/     SA
"""

#: Of Django, with a test each below.
SPECIAL = {"login/", "logout/", "autocomplete/", "r/<path:content_type_id>/<path:object_id>/", "(?P<url>.*)$"}

Asked = tuple[str, str, str]  # method, route below admin/, who may


def pages_of_models(method: str, table: str) -> Iterator[Asked]:
    heads, *lines = (line.split() for line in table.strip("\n").splitlines())
    of_head = {"list": PAGES[0], "add": PAGES[1], "history": PAGES[2], "delete": PAGES[3], "change": PAGES[4]}
    for model, *allowed in lines:
        yield from ((method, f"{model}/{of_head[head]}", who) for head, who in zip(heads, allowed, strict=True))


def other_pages() -> Iterator[Asked]:
    for method, route, who in (line.split() for line in OTHERS.strip().splitlines()):
        yield method, route.removeprefix("-"), who


ASKED = [*pages_of_models("GET", MODELS), *pages_of_models("POST", WRITING), *other_pages()]


class Scene:
    """Something of every kind, so that no page is refused for want of a row."""

    def __init__(self, alice: User) -> None:
        ada = superuser()
        pipeline.process([message(json.dumps({"id": "odd"})), message(event_for(alice))], path=Path.SQS)
        delivery(alice, state="failed")
        Backfill.objects.create(kind=Backfill.Kind.PREFERENCES, file_name="x", file_digest=b"x")
        Forecast.objects.create(type="mentioned", defaults={})
        suppressions.add("bounced@example.com", SuppressedAddress.Cause.BOUNCE)
        LogEntry.objects.log_actions(ada.id, [alice], 2, "Changed.", single_object=True)
        self.alice = alice
        self.staff = {
            "N": browse_as(member("new@example.com")),
            "S": browse_as(supporter()),
            "P": browse_as(product_manager()),
            "A": browse_as(ada),
        }

    def address(self, route: str) -> str:
        """The route with ids of what there is."""
        row = self._row_below(route)
        in_path = {"type_name": "mentioned", "user_id": str(self.alice.id), "id": row, "object_id": row}
        return "/admin/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: in_path[found[1]], route)

    def _row_below(self, route: str) -> str:
        if "/notifications/<str:id>/" in route:
            return Notification.objects.get(user=self.alice).id
        if "<" not in route or route.startswith("preview"):
            return ""
        app_label, model_name, _ = route.split("/", 2)
        return str(apps.get_model(app_label, model_name)._default_manager.values_list("pk", flat=True).first())


@pytest.fixture
def scene(alice) -> Scene:
    return Scene(alice)


def is_sent_to_login(answer) -> bool:
    return bool(answer.status_code == 302 and answer["Location"].startswith("/admin/login/?next="))


def test_every_address_is_in_a_table():
    found = {route.removeprefix("admin/") for route in routes() if route.startswith("admin/")}
    models = {route for route in found if re.fullmatch(r"\w+/\w+/<path:object_id>/", route)}  # it leads to change/
    lists = {route for route in found if route.startswith("^(?P<app_label>")}
    assert found - models - lists == {route for _, route, _ in ASKED} | SPECIAL
    assert {route.split("<")[0] for route in models} == {line.split()[0] + "/" for line in MODELS.split("\n")[2:-1]}


def test_each_page_opens_to_those_who_may_and_to_no_other_staff(scene):
    for (method, route, allowed), who in itertools.product(ASKED, scene.staff):
        answer = scene.staff[who].generic(method, scene.address(route))
        opened = answer.status_code in (200, 302) and not is_sent_to_login(answer)
        assert opened == (who in allowed), f"{who}: {method} {route} is {answer.status_code}"
        assert opened or answer.status_code == 403, f"{who}: {method} {route} is {answer.status_code}"


def test_without_a_session_of_staff_every_page_leads_to_the_login(scene, alice):
    strangers = [Client(), browse_as(alice)]
    strangers += [Client(headers={"Authorization": token}) for token in (bearer(alice), service_bearer())]
    for method, route, _ in ASKED:
        asked = [stranger.generic(method, scene.address(route)) for stranger in strangers]
        assert all(map(is_sent_to_login, asked)), f"{method} {route}"


def test_every_form_wants_its_csrf_token(scene):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(email="ada@example.com"))
    for method, route, _ in ASKED:
        answer = browser.generic(method, scene.address(route))
        assert method == "GET" or answer.status_code == 403, route
    assert browser.post("/admin/login/", {}).status_code == 403
    assert browser.post("/admin/logout/").status_code == 403


def test_what_only_a_post_does_a_get_does_not(scene):
    tools = {route for method, route, _ in ASKED if method == "POST"} - {
        route for method, route, _ in ASKED if method == "GET"
    }
    assert len(tools) == 5
    before = LogEntry.objects.count()
    for route in tools:
        assert scene.staff["A"].get(scene.address(route)).status_code == 405, route
    assert scene.staff["A"].get("/admin/logout/").status_code == 405
    assert LogEntry.objects.count() == before


def test_who_is_not_active_any_more_is_out_at_once(scene):
    User.objects.filter(is_staff=True).update(is_active=False)
    for browser in scene.staff.values():
        assert is_sent_to_login(browser.get("/admin/"))


def test_a_form_suggests_people_to_those_alone_who_may_see_them(scene):
    people = {"app_label": "preferences", "model_name": "flag", "field_name": "users", "term": "ali"}
    answers = {who: browser.get("/admin/autocomplete/", people).status_code for who, browser in scene.staff.items()}
    assert answers == {"N": 403, "S": 403, "P": 403, "A": 200}


def test_no_row_has_a_page_elsewhere(scene):
    kind = ContentType.objects.get_for_model(User).id
    for browser in scene.staff.values():
        assert browser.get(f"/admin/r/{kind}/{scene.alice.id}/").status_code == 404
        assert browser.get("/admin/nothing/").status_code == 404
        assert browser.get(f"/admin/preferences/user/{scene.alice.id}/")["Location"].endswith("/change/")


def test_an_id_that_is_none_is_no_page_and_no_error(scene):
    odd = ["0", "9" * 40, "x", "%00", "..%2F..", "'--", "%F0%9F%98%80"]
    with_ids = {(method, route) for method, route, _ in ASKED if re.search("<path:object_id>/(change|body|re)", route)}
    for (method, route), wrong in itertools.product(with_ids, odd):
        address = f"/admin/{route.replace('<path:object_id>', wrong)}"
        assert scene.staff["A"].generic(method, address).status_code in (302, 403, 404), address
