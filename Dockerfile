# One image for every process: `serve` (events, pages, webhooks, triggers), `send`, `run` and the rest.
# The workspace is mounted at /workspace; nothing of it is in the image.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE preview_server.py ./
COPY mailwright mailwright
COPY rules rules
COPY audience audience
COPY segments segments
COPY recommend recommend
COPY render render
COPY send send
COPY triggers triggers
COPY measure measure
COPY preview preview
COPY blocks blocks
COPY templates templates
# Surprise is compiled where there is no wheel of it.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
# The versions of the lock, of what the image needs of it: not of development or benchmarks.
RUN python -m venv /opt/mailwright \
 && sed -E 's/ *\\$//; /^ +--hash/d; /^ +#/d' requirements.lock > constraints.txt \
 && /opt/mailwright/bin/pip install --no-cache-dir --constraint constraints.txt ".[postgres,kafka,tracing,ses,measure]"

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 mailwright
COPY --from=build /opt/mailwright /opt/mailwright
ENV PATH=/opt/mailwright/bin:$PATH PYTHONUNBUFFERED=1
USER mailwright
WORKDIR /workspace
EXPOSE 8080
# Docker sends SIGTERM: what was taken is stored, mails under way are finished.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["mailwright"]
CMD ["serve", "--workspace", "/workspace", "--host", "0.0.0.0", "--port", "8080"]
