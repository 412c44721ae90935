"""The demo's Django app: people, a page with the bell, and one button per producer service.

Installed under DEMO=1 alone, since it hands out tokens to whoever asks (spec §11).
"""
