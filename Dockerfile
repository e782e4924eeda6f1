# What runs has neither the source, nor Node, Java, a compiler or test tools.
FROM python:3.11-slim AS build
WORKDIR /source
COPY requirements-image.lock ./
RUN python -m venv /opt/thewall \
    && /opt/thewall/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock
# Node, for the page, comes as a wheel.
COPY requirements-run.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY schemas schemas
COPY streams streams
RUN cd streams/web/page && npm ci --ignore-scripts --omit=dev --no-audit --no-fund && npm run build
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/thewall/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && rm -rf /opt/thewall/bin/pip* /opt/thewall/lib/python*/site-packages/pip

FROM python:3.11-slim
COPY --from=build /opt/thewall /opt/thewall
RUN useradd --system --uid 10001 --home-dir /var/lib/thewall wall \
    && install -d -o wall -g wall /var/lib/thewall
ENV PATH=/opt/thewall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/thewall
ENTRYPOINT ["thewall"]
CMD ["worker", "--no-web", "--processes", "1"]
