import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from waffle.models import Switch

from preferences import push_tokens, rollout
from preferences.models import Flag, User
from preferences.push_tokens import Platform
from tests.staff import browse_as, product_manager, superuser

pytestmark = pytest.mark.django_db

FLAG_FORM = {"everyone": "unknown", "percent": "5.0", "note": "Week 1"}


@pytest.fixture
def admin() -> Client:
    return browse_as(superuser())


@pytest.fixture
def pm() -> Client:
    return browse_as(product_manager())


def account_page(user: User) -> str:
    return reverse("admin:preferences_user_change", args=[user.id])


def actions_on_record() -> list[str]:
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]


# --- Accounts ------------------------------------------------------------------------------------------------


def test_an_account_is_closed_and_that_is_logged(admin, alice):
    admin.post(account_page(alice), {"email": "alice@example.com", "name": "Alice"})
    alice.refresh_from_db()
    assert not alice.is_active
    assert actions_on_record() == ["Changed Name and Is active."]


def test_saving_an_account_keeps_the_phone_that_was_registered_meanwhile(admin, alice, monkeypatch):
    save = User.save

    def register_and_save(user, *given, **options):
        if user == alice:
            push_tokens.register(alice.id, platform=Platform.ANDROID, token="t0k3n", device_id="phone")
        save(user, *given, **options)

    monkeypatch.setattr(User, "save", register_and_save)
    admin.post(account_page(alice), {"email": "alice@example.com", "name": "A", "is_active": "on"})
    alice.refresh_from_db()
    assert alice.name == "A"
    assert len(push_tokens.devices(alice.push_tokens)) == 1


def test_an_account_shows_no_token_and_cannot_be_deleted(admin, alice):
    push_tokens.register(alice.id, platform=Platform.ANDROID, token="t0k3n", device_id="phone")
    page = admin.get(account_page(alice)).content.decode()
    assert "t0k3n" not in page
    assert "erase_user" in page
    assert admin.get(reverse("admin:preferences_user_delete", args=[alice.id])).status_code == 403


def test_a_new_colleague_gets_a_login_under_an_address_in_lower_case(admin):
    form = {"email": "New@Example.com", "name": "New", "usable_password": "true"}
    password = "c0rrect horse"
    admin.post(reverse("admin:preferences_user_add"), {**form, "password1": password, "password2": password})
    assert User.objects.get(email="new@example.com").check_password(password)


def test_a_colleague_joins_a_group(admin, alice):
    group = Group.objects.get(name="Support")
    form = {"email": "alice@example.com", "name": "Alice Moreau", "is_active": "on", "is_staff": "on"}
    admin.post(account_page(alice), {**form, "groups": [group.id]})
    assert User.objects.get(id=alice.id).has_perm("notifications.view_account")


def test_a_password_is_changed_and_that_is_logged(admin, alice):
    page = reverse("admin:auth_user_password_change", args=[alice.id])
    password = "c0rrect horse"
    admin.post(page, {"usable_password": "true", "password1": password, "password2": password, "set-password": ""})
    alice.refresh_from_db()
    assert alice.check_password(password)
    assert actions_on_record() == ["Changed password."]


@pytest.mark.parametrize("term", ["alice@example.com", "ALI"])
def test_accounts_are_found_by_address(admin, alice, bob, term):
    answer = admin.get(reverse("admin:preferences_user_changelist"), {"q": term})
    assert list(answer.context["cl"].result_list) == [alice]


# --- The rollout ---------------------------------------------------------------------------------------------


def test_a_product_manager_sets_the_percentage_and_that_is_logged(pm, flag_on):
    pm.post(reverse("admin:preferences_flag_change", args=[flag_on.id]), FLAG_FORM)
    rollout.forget()
    assert (rollout.current().everyone, rollout.current().percent) == (None, 5.0)
    (action,) = actions_on_record()
    assert action.startswith(
        "Reach: “On for everyone” → “On for the percentage and for those named below”. Percentage: empty → 5. Note: “"
    )
    assert action.endswith("” → “Week 1”.")


def test_the_log_counts_people_and_names_groups(pm, flag_on, alice, bob, charlie):
    flag_on.users.set([alice, bob])
    internal = Group.objects.create(name="Internal")
    form = {**FLAG_FORM, "users": f"{bob.id}\r\n{charlie.id}", "groups": [internal.id], "staff": "on"}
    pm.post(reverse("admin:preferences_flag_change", args=[flag_on.id]), form)
    (action,) = actions_on_record()
    assert action.endswith(" Users: 2 → 2 (1 added, 1 taken out). Groups: none → Internal. Staff: no → yes.")


@pytest.mark.parametrize("percent", ["100", "150", "-1"])
def test_a_percentage_out_of_range_is_told_with_the_way_to_all_people(pm, flag_on, percent):
    page = reverse("admin:preferences_flag_change", args=[flag_on.id])
    answer = pm.post(page, {**FLAG_FORM, "percent": percent})
    assert answer.context["adminform"].form.errors == {
        "percent": ["0 to 99.9. For all people set Reach to “On for everyone”."]
    }


def test_a_product_manager_names_people_and_groups(pm, flag_on, alice, bob, charlie):
    testers = Group.objects.create(name="Testers")
    charlie.groups.add(testers)
    form = {**FLAG_FORM, "percent": "0", "users": str(alice.id), "groups": [testers.id]}
    pm.post(reverse("admin:preferences_flag_change", args=[flag_on.id]), form)
    rollout.forget()
    included = [rollout.current().includes(person.id) for person in (alice, bob, charlie)]
    assert included == [True, False, True]


def test_a_product_manager_names_people_by_address_and_sees_them_so(pm, flag_on, alice, bob):
    page = reverse("admin:preferences_flag_change", args=[flag_on.id])
    pm.post(page, {**FLAG_FORM, "users": f"Alice@example.com\r\n\r\nusr_{bob.id.hex}\r\n{bob.id}"})
    assert set(flag_on.users.all()) == {alice, bob}
    assert "alice@example.com\nbob@example.com</textarea>" in pm.get(page).content.decode()
    pm.post(page, {**FLAG_FORM, "users": "bob@example.com\r\nalice@example.com", "note": "Week 2"})
    assert actions_on_record()[-1] == "Note: “Week 1” → “Week 2”."


def test_somebody_unknown_in_the_flag_is_told_and_nothing_is_changed(pm, flag_on, alice):
    page = reverse("admin:preferences_flag_change", args=[flag_on.id])
    shown = pm.post(page, {**FLAG_FORM, "users": "alice@example.com\r\nalcie@example.com"}).content.decode()
    assert "Nobody is known as alcie@example.com." in shown
    assert "alice@example.com\nalcie@example.com</textarea>" in shown.replace("\r", "")
    assert not flag_on.users.exists()


@pytest.mark.parametrize(("standing", "is_in"), [({"staff": True}, True), ({"superusers": True}, False)])
def test_the_flag_may_include_people_by_standing(flag_on, standing, is_in):
    manager = product_manager()
    Flag.objects.update(everyone=None, percent=0, **standing)
    rollout.forget()
    assert rollout.current().includes(manager.id) == is_in


def test_the_page_of_the_flag_has_only_what_counts(pm, flag_on):
    page = pm.get(reverse("admin:preferences_flag_change", args=[flag_on.id])).content.decode()
    assert 'name="percent"' in page
    assert not [name for name in ("testing", "languages", "rollout", "authenticated") if f'name="{name}"' in page]


def test_the_flag_is_neither_renamed_nor_deleted(admin, flag_on):
    page = reverse("admin:preferences_flag_change", args=[flag_on.id])
    admin.post(page, {**FLAG_FORM, "name": "another"})
    assert Flag.objects.get(id=flag_on.id).name == rollout.FLAG
    assert admin.post(reverse("admin:preferences_flag_delete", args=[flag_on.id])).status_code == 403


def test_the_row_of_the_switch_leads_to_its_page_and_does_not_turn_it(admin, flag_on):
    switch = Switch.objects.get(name=rollout.KILL_SWITCH)
    row = reverse("admin:waffle_switch_change", args=[switch.id])
    assert f'href="{reverse("admin:switch")}"' in admin.get(row).content.decode()
    admin.post(row, {"active": "on", "note": "Drill"})
    changed = Switch.objects.get(id=switch.id)
    assert (changed.active, changed.note, changed.modified) == (False, "Drill", switch.modified)
    assert actions_on_record() == ["Changed Note."]


def test_a_product_manager_does_not_reach_the_switch(pm, flag_on):
    switch = Switch.objects.get(name=rollout.KILL_SWITCH)
    assert pm.get(reverse("admin:waffle_switch_change", args=[switch.id])).status_code == 403


# --- The log -------------------------------------------------------------------------------------------------


def test_the_log_tells_who_did_what_and_is_read_only(admin, pm, flag_on):
    pm.post(reverse("admin:preferences_flag_change", args=[flag_on.id]), FLAG_FORM)
    entry = LogEntry.objects.get()
    listed = admin.get(reverse("admin:admin_logentry_changelist"), {"q": "pia@example.com"}).content.decode()
    assert "Percentage: empty → 5." in listed
    assert admin.post(reverse("admin:admin_logentry_change", args=[entry.id]), {}).status_code == 403
    assert admin.post(reverse("admin:admin_logentry_delete", args=[entry.id]), {}).status_code == 403
    assert pm.get(reverse("admin:admin_logentry_changelist")).status_code == 403
