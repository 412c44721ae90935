import os

os.environ.setdefault("SECRET_KEY", "not a secret: tests only")
