# Built in one image, served from a small one, as nobody in particular.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY migration migration
COPY src src
# Both are compiled in: the page of refusals, the demo year's figures.
COPY docs docs
COPY demo demo
# Only the server is built; the manifests name the tests, so their places must exist.
RUN mkdir -p tests/api && echo '//! none' | tee tests/api/main.rs tests/house.rs >/dev/null
RUN cargo build --release --locked --bin mingzhang

FROM debian:bookworm-slim
# The roots that S3 is verified by.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/mingzhang --create-home mingzhang
COPY --from=build /build/target/release/mingzhang /usr/local/bin/mingzhang
USER mingzhang
WORKDIR /var/lib/mingzhang
ENV MINGZHANG_BIND=0.0.0.0:8080 MINGZHANG_DATA_DIR=/var/lib/mingzhang/data MINGZHANG_LOG_FORMAT=json
VOLUME /var/lib/mingzhang
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["mingzhang", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["mingzhang"]
CMD ["serve"]
