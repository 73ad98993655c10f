# The server over HTTP. It has no log-in of its own: put something in front of it that has one.
#   docker run -p 127.0.0.1:8000:8000 -e SENDOSO_API_KEY -v gifts:/data sendoso-mcp
# The ledger is in /data, on a disk of this machine. Several containers share one only in PostgreSQL
# (SENDOSO_LEDGER_URL).
FROM python:3.13-slim-trixie AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/sendoso-mcp
COPY requirements-server.lock requirements-build.lock ./
# What builds the package stays in this stage.
RUN /opt/sendoso-mcp/bin/python -m pip install --require-hashes --no-deps -r requirements-server.lock \
 && python -m pip install --require-hashes --no-deps -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY prompts ./prompts
COPY sendoso_mcp ./sendoso_mcp
RUN python -m hatchling build -t wheel -d /tmp/wheel \
 && /opt/sendoso-mcp/bin/python -m pip install --no-deps --no-index /tmp/wheel/*.whl \
 && install -d -o 10001 -g 10001 -m 700 /data

FROM python:3.13-slim-trixie
ARG VERSION=unknown
LABEL org.opencontainers.image.title="sendoso-mcp" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      io.modelcontextprotocol.server.name="io.github.sendoso-mcp/sendoso-mcp"
COPY --from=build /opt/sendoso-mcp /opt/sendoso-mcp
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/sendoso-mcp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_STATE_HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    SENDOSO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# An order on its way is finished first: `docker stop --time 75`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["sendoso-mcp"]
CMD ["serve", "--transport", "streamable-http", "--host", "0.0.0.0", "--port", "8000"]
