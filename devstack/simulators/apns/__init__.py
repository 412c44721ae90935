"""Apple Push Notification service: HTTP/2 over TLS, with provider tokens (.p8)."""
