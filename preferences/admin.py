"""Pages for admins: who may log in, the rollout, and what was done here. Support has none of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from waffle.models import Sample, Switch

from preferences import flag_changes, people_search
from preferences.flag_form import FlagForm
from preferences.models import Flag, User
from preferences.support_admin import BoundedAdmin, ReadOnlyAdmin, brief_time

admin.site.unregister((Sample, Switch))  # nothing here draws samples; the switch comes back below


class LowerCaseAddress(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Keeps the address as the login looks for it."""

    def clean_email(self) -> str | None:
        """Return it in lower case."""
        address: str | None = self.cleaned_data["email"]
        return address.lower() if address else None


class NewUserForm(LowerCaseAddress, AdminUserCreationForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Somebody who gets a login, or an account without one."""

    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(LowerCaseAddress, UserChangeForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Somebody's account; never their phones or preferences, which are theirs."""

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser", "groups")


@admin.register(User)
class UserAdmin(BoundedAdmin, DjangoUserAdmin):  # type: ignore[type-arg]  # it takes none when it runs
    """Accounts and who may log in to the admin. Nobody is deleted here: `manage.py erase_user` does it everywhere."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser")
    list_filter = ("groups",)
    search_fields = ("email",)
    search_help_text = people_search.HELP
    ordering = ("email",)
    filter_horizontal = ("groups",)
    readonly_fields = ("id", "created_at", "last_login")
    fieldsets = (
        (
            None,
            {
                "fields": ("id", "name", "email", "password", "created_at", "last_login"),
                "description": "To remove somebody everywhere, run: manage.py erase_user",
            },
        ),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Leave alone what is the person's own, so that saving cannot undo what a phone writes meanwhile."""
        accounts = super().get_queryset(request)
        return accounts.defer("push_tokens", "notification_preferences", "preferences_changed_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Find by address or id."""
        return queryset.filter(people_search.matching(search_term)) if search_term.strip() else queryset, False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A row that is gone leaves traces elsewhere: `erase_user` removes those too."""
        return False


@admin.register(Flag)
class FlagAdmin(BoundedAdmin):
    """The rollout: what preferences/rollout.py goes by, and nothing that it does not."""

    form = FlagForm
    list_display = ("name", "note", "everyone", "percent")
    ordering = ("-id",)
    readonly_fields = ("name", "modified")
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "everyone", "percent", "note", "modified"),
                "description": "Heard everywhere within 5 seconds. How far to go, when to go back: docs/rollout.md.",
            },
        ),
        ("In from the start, beside the percentage", {"fields": ("users", "groups", "staff", "superusers")}),
    )

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Return what the log says: from what to what."""
        return flag_changes.in_words(form) or super().construct_change_message(request, form, formsets, add)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The code knows one flag, which a migration makes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Flag | None = None) -> bool:
        """Without it nobody is in."""
        return False


@admin.register(Switch)
class SwitchAdmin(BoundedAdmin):
    """The kill switch, as a row. It is turned on a page of its own, which says first what that does."""

    list_display = ("name", "active", "note", "modified")
    ordering = ("-id",)
    readonly_fields = ("name", "active", "modified")

    def get_fieldsets(self, request: HttpRequest, obj: Switch | None = None) -> Any:
        """Return the fields, and where it is turned."""
        where = format_html('It is turned on the page <a href="{}">Kill switch</a>.', reverse("admin:switch"))
        return ((None, {"fields": ("name", "active", "note", "modified"), "description": where}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The code knows one switch, which a migration makes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Switch | None = None) -> bool:
        """Turning it off is enough."""
        return False


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who did what in the admin."""

    list_display = ("when", "user", "what", "subject")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email",)
    search_help_text = f"Whose actions? {people_search.HELP}"
    ordering = ("-id",)
    fields = ("action_time", "user", "action_flag", "content_type", "object_id", "object_repr", "what")

    @admin.display(description="when (UTC)")
    def when(self, entry: LogEntry) -> str:
        """Return when it was done."""
        return brief_time(entry.action_time)

    @admin.display(description="what")
    def what(self, entry: LogEntry) -> str:
        """Return what was done."""
        return entry.get_change_message() or entry.get_action_flag_display()

    @admin.display(description="to what")
    def subject(self, entry: LogEntry) -> str:
        """Return what it was done to."""
        return f"{entry.content_type.name if entry.content_type else '?'}: {entry.object_repr}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LogEntry], search_term: str
    ) -> tuple[QuerySet[LogEntry], bool]:
        """Find by the person who acted."""
        who = User.objects.filter(people_search.matching(search_term))
        return queryset.filter(user__in=who) if search_term.strip() else queryset, False

    def has_view_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        """It tells of everybody, so only those who may do everything read it."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same on the start page."""
        return self.has_view_permission(request)
