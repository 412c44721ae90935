"""Which admin site this project has."""

from django.contrib.admin.apps import AdminConfig


class SupportAdminConfig(AdminConfig):
    """The admin with the pages of support."""

    default_site = "notifications.support.admin_site.SupportSite"
