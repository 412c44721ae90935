"""What each reason says: to the person, about the person, of what has not happened yet, and in short. One table.

The words about a person tell what was so when it was decided, since it may be otherwise by now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from preferences.catalog import Channel, NotificationType
from preferences.choices import Choices
from preferences.decisions import Reason


@dataclass(frozen=True, slots=True)
class Words:
    """One reason, in clauses that fit behind "because". `{label}` names the type, `{place}` the channel.

    About them also: `{whose}`, by whose will a preference is as it is, `{age}` of the event and `{limit}`, at what age
    the channel leaves it out.
    """

    to_them: str
    about_them: str
    if_it_happened: str  # about them, before anything is sent
    in_short: str  # for a table


WORDS: Final[Mapping[Reason, Words]] = {
    Reason.PREFERENCE_ON: Words(
        to_them="“{label}” is on for {place}",
        about_them="“{label}” was on for {place}{whose}",
        if_it_happened="“{label}” is on for {place}{whose}",
        in_short="at once",
    ),
    Reason.DIGEST_HOURLY: Words(
        to_them="“{label}” is on for {place}, and you get mail once an hour",
        about_them="they chose an hourly digest",
        if_it_happened="“{label}” is on for {place}{whose}, and they get mail once an hour",
        in_short="hourly digest",
    ),
    Reason.DIGEST_DAILY: Words(
        to_them="“{label}” is on for {place}, and you get mail once a day",
        about_them="they chose a daily digest",
        if_it_happened="“{label}” is on for {place}{whose}, and they get mail once a day",
        in_short="daily digest",
    ),
    Reason.DIGEST_WEEKLY: Words(
        to_them="“{label}” is on for {place}, and you get mail once a week",
        about_them="they chose a weekly digest",
        if_it_happened="“{label}” is on for {place}{whose}, and they get mail once a week",
        in_short="weekly digest",
    ),
    Reason.PREFERENCE_OFF: Words(
        to_them="“{label}” is off for {place}",
        about_them="“{label}” was off for {place}{whose}",
        if_it_happened="“{label}” is off for {place}{whose}",
        in_short="off",
    ),
    Reason.DIGEST_NEVER: Words(
        to_them="you want no mail at all",
        about_them="they chose to get no mail at all",
        if_it_happened="they want no mail at all",
        in_short="no mail wanted",
    ),
    Reason.OWN_ACTION: Words(
        to_them="you did it yourself",
        about_them="they did it themselves",
        if_it_happened="they did it themselves",
        in_short="own action",
    ),
    Reason.NOT_IN_ROLLOUT: Words(
        to_them="notifications are not turned on for you yet",
        about_them="notifications were not turned on for them yet",
        if_it_happened="notifications are not turned on for them yet",
        in_short="not in the rollout",
    ),
    Reason.UNKNOWN_USER: Words(
        to_them="nobody had this account",
        about_them="nobody had this account",
        if_it_happened="nobody has this account",
        in_short="unknown user",
    ),
    Reason.INACTIVE_USER: Words(
        to_them="your account was closed",
        about_them="their account was closed",
        if_it_happened="their account is closed",
        in_short="account closed",
    ),
    Reason.NO_EMAIL_ADDRESS: Words(
        to_them="we had no mail address of yours",
        about_them="we had no mail address of theirs",
        if_it_happened="no mail address of theirs is known",
        in_short="no address",
    ),
    Reason.ADDRESS_SUPPRESSED: Words(
        to_them="all mail to your address was stopped, as it had come back, or was marked as spam",
        about_them="all mail to their address was stopped then",
        if_it_happened="their address is suppressed: mail to it came back for good, was marked as spam, or was stopped "
        "by support",
        in_short="address suppressed",
    ),
    Reason.NO_PUSH_TOKEN: Words(
        to_them="no phone of yours was registered",
        about_them="no phone of theirs was registered",
        if_it_happened="no phone is registered",
        in_short="no phone registered",
    ),
    Reason.STALE: Words(
        to_them="it was too old for {place} when it reached us",
        about_them="it was {age} old by then, and {place} leaves out what is older than {limit}",
        if_it_happened="{age} after it happened is too late for {place}, which goes out for {limit}",
        in_short="too old",
    ),
    Reason.ALREADY_READ: Words(
        to_them="you had read it before",
        about_them="they had read it in the bell before",
        if_it_happened="they have read it before",
        in_short="read before",
    ),
    Reason.UNKNOWN_TYPE: Words(
        to_them="notifications of this kind do not exist any more",
        about_them="notifications of this kind do not exist any more",
        if_it_happened="notifications of this kind do not exist any more",
        in_short="type removed",
    ),
}

#: Reasons that keep everything from a person, whatever the channel.
OF_THE_PERSON: Final = frozenset(
    {Reason.UNKNOWN_USER, Reason.INACTIVE_USER, Reason.NOT_IN_ROLLOUT, Reason.OWN_ACTION, Reason.UNKNOWN_TYPE}
)

#: Where a channel reaches people: in words to them, and in words about them.
YOUR_PLACES: Final[Mapping[Channel, str]] = {
    Channel.IN_APP: "the bell",
    Channel.EMAIL: "mail",
    Channel.PUSH: "your phone",
}
PLACES: Final[Mapping[Channel, str]] = {Channel.IN_APP: "the bell", Channel.EMAIL: "mail", Channel.PUSH: "push"}


class Will(StrEnum):
    """By whose will a type is on or off for somebody on a channel."""

    LOCKED = "locked"  # for everybody
    CHOSEN = "chosen"  # by the person
    DEFAULT = "default"  # of the type
    CHANGED = "changed"  # it is the other way round by now: who wanted it then is not on record


WHOSE: Final[Mapping[Will, str]] = {
    Will.LOCKED: ", for everybody",
    Will.CHOSEN: ", as they chose",
    Will.DEFAULT: " by default",
    Will.CHANGED: " then",
}


def whose_will(
    type_: NotificationType, channel: Channel, *, choices: Choices, was_on: bool, chose_since: bool = False
) -> Will:
    """Say why the type was on or off for this person then, from the choices of now.

    `chose_since`: their choices have changed after that. What differs from the default was chosen all the same; what
    equals it may have been chosen only later.
    """
    if choices.wants(type_, channel) is not was_on:
        return Will.CHANGED
    if channel in type_.locked:
        return Will.LOCKED
    if channel not in choices.overrides.get(type_.name, {}):
        return Will.DEFAULT
    return Will.DEFAULT if chose_since and was_on is type_.default(channel) else Will.CHOSEN
