# syntax=docker/dockerfile:1
# One image with the four binaries; what a container runs is its command. See docker-compose.yml.

# The compiler that rust-toolchain.toml pins. That file stays outside (.dockerignore), so that rustup does not
# fetch formatter and lints for a build that uses neither.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# Both caches are the builder's and not in any layer: the binaries have to be copied out of `target`.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package textproof --package webhook-ingest --package worker --package sandbox \
    && install -D -t /out target/release/textproof target/release/webhook-ingest target/release/worker \
       target/release/sandbox

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="textproof" \
      org.opencontainers.image.description="Prove that a person holds a phone number, and act once on what they text back" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
# The roots for TLS to gateways and Redis. No version: Debian keeps only the newest one in its archive.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 textproof \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin textproof \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/textproof/spool
COPY --from=build /out/ /usr/local/bin/
COPY --chmod=0755 deploy/healthcheck /usr/local/bin/healthcheck
# As numbers, so that an orchestrator can tell that this is not root.
USER 10001:10001
CMD ["textproof", "--help"]
