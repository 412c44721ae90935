"""Providers of mail and push as the product meets them on the wire, with faults on demand.

A provider says what it understands and answers (exchange.py); faults, the record of what came in, and the HTTP around
them are the same for all.
"""
