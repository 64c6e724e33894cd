# syntax=docker/dockerfile:1
# Updraft as an image: `docker build -t updraft .`; how to run it is in docs/operating.md.

FROM rust:1.95-slim-bookworm AS build
# The image's own toolchain, rather than another of the same version with what only developers need.
ENV RUSTUP_TOOLCHAIN=1.95.0
# The built-in normalizer is a component.
RUN rustup target add wasm32-wasip2
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package updraft \
    && cp target/release/updraft /usr/local/bin/updraft

FROM debian:bookworm-slim
# For HTTPS: rustls trusts what the system does. The newest authorities are the right ones.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/updraft /usr/local/bin/updraft
# As Airflow's own image, so that logs on a shared volume can be read, and cursors written beside them.
USER 50000:0
ENV HOME=/tmp
EXPOSE 9090
ENTRYPOINT ["updraft"]
CMD ["run"]
