"""What must hold of the rows at any moment, whatever happened before."""

from collections.abc import Mapping

from delivery.models import Delivery, State
from preferences.decisions import Outcome, Reason
from tests.delivery.model_moves import IN_FLIGHT


def check_rows() -> None:
    """Fail when a row is in no state that an outsider could explain."""
    rows = {delivery.id: delivery for delivery in Delivery.objects.order_by("id")}
    for delivery in rows.values():
        _check_lease(delivery)
        _check_reason(delivery)
        if delivery.digest_id:
            _check_item(delivery, rows)
        else:
            _check_answer(delivery)


def _check_lease(delivery: Delivery) -> None:
    assert (delivery.state == State.SENDING) == (delivery.lease_until is not None), _show(delivery)


def _check_reason(delivery: Delivery) -> None:
    """What was read is marked as long as a retry may ask for it; what arrived was not suppressed."""
    if delivery.state == State.SUPPRESSED:
        assert Reason(delivery.reason).outcome is Outcome.SUPPRESS, _show(delivery)
    elif delivery.state in (State.PENDING, State.SENDING, State.FAILED, State.HELD):
        assert delivery.reason in ("", Reason.ALREADY_READ), _show(delivery)
    else:
        assert delivery.reason == "", _show(delivery)


def _check_answer(delivery: Delivery) -> None:
    match delivery.state:
        case State.SENT:
            assert delivery.sent_at, _show(delivery)
            assert delivery.provider_id, _show(delivery)
        case State.FAILED | State.BOUNCED:
            assert delivery.provider_error, _show(delivery)


def _check_item(item: Delivery, rows: Mapping[int, Delivery]) -> None:
    """It waits as long as its digest does."""
    digest = rows[item.digest_id or 0]
    assert digest.is_digest, _show(digest)
    assert digest.user_id == item.user_id, _show(item)
    assert (digest.state in IN_FLIGHT) or (item.state not in IN_FLIGHT), f"{_show(item)} in {_show(digest)}"


def _show(delivery: Delivery) -> str:
    return f"{delivery.id} {delivery.type} {delivery} {delivery.reason} {delivery.provider_error}"
