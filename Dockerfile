# One image for every process of the Procfile; its own command is the web process. compose.yaml runs them all.
#
#     docker build --build-arg SERVICE_VERSION=$(git rev-parse --short HEAD) --tag notifications .

FROM python:3.11-slim AS packages
# Wheels alone, each with the hash that requirements.txt names: nothing is compiled, and nothing else comes in.
RUN python -m venv /opt/venv
COPY requirements.txt ./
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: --requirement requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home notifications
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY . .
# The key signs nothing here; it is in no layer's environment.
RUN SECRET_KEY=only-to-collect-static-files python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q delivery notifications notifications_producer notifications_project preferences telemetry

ARG SERVICE_VERSION=""
ENV SERVICE_VERSION=$SERVICE_VERSION \
    BIND_ADDRESS=0.0.0.0
USER notifications
EXPOSE 8000
# A shell fills in the variables and makes way, so that SIGTERM reaches the process itself.
CMD ["sh", "-c", "exec uvicorn notifications_project.asgi:application --host ${BIND_ADDRESS:-127.0.0.1} --port ${PORT:-8000} --lifespan off --no-access-log --no-server-header --log-level warning --ws notifications.sockets.protocol:SocketProtocol --ws-max-size 32768 --ws-per-message-deflate false --ws-ping-interval 20 --ws-ping-timeout 20 --timeout-graceful-shutdown 10"]
