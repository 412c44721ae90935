"""Finding people among millions by what an index has: address, words of the name, or id."""

from typing import Final

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery, SearchVectorExact
from django.db.models import BooleanField, F, Func, Q, QuerySet

from preferences import user_ids
from preferences.models import WORDS_OF_NAME, User

HELP: Final = "An address, words of a name, the beginning of either, or an id (usr_… or UUID)."

_MOST: Final = 1_000  # people that are found by their addresses, and as many by their names
_MOST_WORDS: Final = 10  # of a name; what is written behind them changes nothing


def matching(term: str) -> Q:
    """Return who may be meant: by id, by the address's beginning, or by the beginnings of words in the name."""
    wanted = term.strip()
    if user_id := user_ids.parse(wanted):
        return Q(id=user_id)
    # Addresses are kept in lower case (UserManager).
    by_address = User.objects.filter(email__startswith=wanted.lower()).order_by("email")
    # In the order of random ids, those who have a common word lie close together.
    by_name = User.objects.filter(SearchVectorExact(WORDS_OF_NAME, _beginnings(wanted))).order_by("id")
    return _among(by_address) | _among(by_name)


def find(term: str) -> QuerySet[User]:
    """Return who is meant: whoever has exactly this address, else all who may be."""
    exactly = User.objects.filter(email=term.strip().lower())
    return exactly if exactly.exists() else User.objects.filter(matching(term)).order_by("email")


def _beginnings(term: str) -> SearchQuery:
    """Ask for names that have a word for each word of the term, which begins like it. Signs alone ask for nobody."""
    words = [word.replace("'", "''") for word in term.replace("\\", " ").split()[:_MOST_WORDS]]
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), search_type="raw", config="simple")


def _among(people: QuerySet[User]) -> Q:
    """Return who is one of the first of these.

    Each index is asked by itself, for a limited number of ids. Given both conditions at once, or a join, PostgreSQL may
    walk through all addresses in their order instead, in the hope of meeting somebody soon.
    """
    ids = ArraySubquery(people.values("id")[:_MOST])
    return Q(Func(F("id"), ids, arg_joiner=" = ANY (", template="%(expressions)s)", output_field=BooleanField()))
