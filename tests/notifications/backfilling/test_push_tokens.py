from datetime import timedelta

import pytest
from django.utils import timezone

from preferences import push_tokens
from preferences.models import User
from tests.notifications.backfilling.lines import Ran, write_lines

pytestmark = pytest.mark.django_db

HEADER = "user,platform,token,device_id,registered_at"
EARLIER, LATER = "2025-11-03T09:30:00Z", "2025-11-04T09:30:00Z"


@pytest.fixture
def register(tmp_path):
    return lambda *lines, header=HEADER, **options: Ran(
        "backfill_push_tokens", write_lines(tmp_path / "tokens.csv", [header, *lines]), **options
    )


def devices(user: User) -> dict[str, str]:
    """Return the token of each of the user's devices."""
    return {device.device_id: device.token for device in stored_devices(user)}


def stored_devices(user: User) -> tuple[push_tokens.Device, ...]:
    return push_tokens.devices(User.objects.get(id=user.id).push_tokens)


def test_devices_are_registered_whatever_names_their_users(register, alice, bob, charlie):
    ran = register(
        f"Alice@example.com,android,a,phone,{EARLIER}",
        f"usr_{bob.id.hex},ios,0b,phone,",
        f'{charlie.id},android,"c,c",phone,',
    )
    assert ran.count("stored") == 3
    assert [devices(user) for user in (alice, bob, charlie)] == [{"phone": "a"}, {"phone": "0b"}, {"phone": "c,c"}]
    assert stored_devices(alice)[0].registered_at.isoformat() == "2025-11-03T09:30:00+00:00"
    assert timezone.now() - stored_devices(bob)[0].registered_at < timedelta(minutes=1)


@pytest.mark.parametrize("header", ["device_id,token,platform,user", '"device_id","token","platform","user"'])
def test_columns_may_come_in_any_order_and_without_times(register, alice, header):
    assert register("phone,t,android,alice@example.com", header=header).exit_code == 0
    assert devices(alice) == {"phone": "t"}


@pytest.mark.parametrize("header", ["user,platform,token", "user,platform,token,device_id,registered", "", '"user'])
def test_a_header_with_other_columns_is_refused(register, header):
    assert "must name the columns" in register(header=header).err


@pytest.mark.parametrize("time", [LATER, ""])
def test_what_has_registered_here_since_stays(register, alice, bob, time):
    push_tokens.register(alice.id, platform=push_tokens.Platform.ANDROID, token="new", device_id="phone")
    push_tokens.register(bob.id, platform=push_tokens.Platform.ANDROID, token="moved", device_id="phone")
    ran = register(f"alice@example.com,android,old,phone,{time}", f"alice@example.com,android,moved,tablet,{time}")
    assert ran.count("newer there") == 2
    assert (devices(alice), devices(bob)) == ({"phone": "new"}, {"phone": "moved"})


def test_a_newer_line_replaces_the_device_and_moves_the_token(register, alice, bob):
    register(f"alice@example.com,android,old,phone,{EARLIER}", f"bob@example.com,android,shared,tablet,{EARLIER}")
    ran = register(f"alice@example.com,android,new,phone,{LATER}", f"alice@example.com,android,shared,tablet,{LATER}")
    assert ran.count("stored") == 2
    assert (devices(alice), devices(bob)) == ({"phone": "new", "tablet": "shared"}, {})


def test_the_same_line_again_changes_nothing(register, alice):
    lines = ["alice@example.com,android,a,phone,", f"alice@example.com,android,b,tablet,{EARLIER}"]
    register(*lines)
    before = stored_devices(alice)
    assert register(*lines, "").count("already there") == 2
    assert stored_devices(alice) == before


def test_of_too_many_devices_the_newest_stay(register, alice):
    days = [f"alice@example.com,android,t{day},d{day},2025-11-{day:02}T00:00:00Z" for day in range(1, 23)]
    ran = register(*reversed(days), "alice@example.com,android,unknown,unknown,")
    assert (ran.count("stored"), ran.count("too many devices")) == (20, 3)
    assert list(devices(alice)) == [f"d{day}" for day in range(3, 23)]


def test_strangers_and_closed_accounts_are_counted(register, bob):
    User.objects.update(is_active=False)
    ran = register("bob@example.com,android,t,phone,", "nobody,android,u,phone,")
    assert (ran.count("inactive user"), ran.count("unknown user"), ran.exit_code) == (1, 1, 0)
    assert devices(bob) == {}


@pytest.mark.parametrize(
    "line",
    [
        "alice@example.com,symbian,SECRET,phone,",
        "alice@example.com,ios,SECRET,phone,",
        "alice@example.com,android,SECRET SECRET,phone,",
        "alice@example.com,android,SECRET,,",
        "alice@example.com,android,SECRET,phone,yesterday",
        "alice@example.com,android,SECRET,phone,2025-11-03T09:30:00",
        "alice@example.com,android,SECRET,phone,2999-11-03T09:30:00Z",
        "alice@example.com,android,SECRET",
        'alice@example.com,android,"SECRET',
    ],
)
def test_a_bad_registration_is_told_by_its_line_and_never_by_its_token(register, alice, line, tmp_path):
    ran = register(line, "alice@example.com,android,good,tablet,", errors=tmp_path / "errors")
    assert "Line 2: " in ran.err
    assert (ran.exit_code, devices(alice)) == (1, {"tablet": "good"})
    assert "SECRET" not in ran.out + ran.err + (tmp_path / "errors").read_text()


def test_a_dry_run_registers_nothing_and_knows_what_it_would(register, alice):
    ran = register(
        f"alice@example.com,android,a,phone,{EARLIER}", f"alice@example.com,android,b,phone,{LATER}", dry_run=True
    )
    assert ran.count("stored") == 2
    assert devices(alice) == {}
