"""Firebase Cloud Messaging by its HTTP v1 API, with the token endpoint of Google's OAuth 2.0 beside it."""
