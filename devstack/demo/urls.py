"""Addresses that exist only under DEMO=1. They come last, so that they hide nothing of the product."""

from django.urls import URLPattern, path, re_path

from devstack.demo import views

urlpatterns: list[URLPattern] = [
    path("", views.home, name="demo-home"),
    path("demo/token", views.token, name="demo-token"),
    path("demo/arrivals", views.arrivals, name="demo-arrivals"),
    path("demo/story", views.story, name="demo-story"),
    path("demo/faults", views.fault, name="demo-faults"),
    re_path(r"^demo/mails/(?P<mail_id>[\w-]{1,100})$", views.mail, name="demo-mail"),
    path("demo/publish", views.publish, name="demo-publish"),
    re_path(
        r"^(?P<folder>tasks|docs|projects|approvals)/(?P<identifier>[\w-]{1,100})$",
        views.resource,
        name="demo-resource",
    ),
]
