"""The addresses of a demo: the product's, and after them the demo's own."""

from devstack.demo.urls import urlpatterns as of_the_demo
from notifications_project.urls import urlpatterns as of_the_product

urlpatterns = [*of_the_product, *of_the_demo]
