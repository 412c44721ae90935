"""The link in a mail, what its page says, and what became of the choices."""

import re
from typing import Any

from preferences import choices, unsubscribe
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
NO_MAIL = Choices(email_digest=DigestFrequency.NEVER)
NO_TASKS = Choices(overrides={"task_assigned": {Channel.EMAIL: False}})


def path_of(user: User, type_name: str | None) -> str:
    return "/" + unsubscribe.link(user.id, type_name).split("/", 3)[3]


def chosen_by(user: User) -> Choices:
    return choices.from_stored(User.objects.get(id=user.id).notification_preferences)


def undo_offered(answer: Any) -> str:
    """The token behind the button "Undo"."""
    [token] = re.findall(r'<button name="undo" value="([^"]+)">', answer.text)
    return str(token)


def fields_of(answer: Any, choice: str) -> dict[str, str]:
    """What a browser sends when that button is pressed."""
    form = next(form for form in re.findall(r"<form.*?</form>", answer.text, re.DOTALL) if f'value="{choice}"' in form)
    [undo] = re.findall(r'name="undo" value="([^"]+)"', form)
    return {"choice": choice, "undo": undo}


def press(browser: Any, link: str, **fields: str) -> Any:
    """What a browser shows after a button of the page was pressed."""
    return browser.post(link, fields, follow=True)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())
