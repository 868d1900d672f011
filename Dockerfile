# podring's image: three programs, the shared libraries they load, and nothing else; no shell.
#
#   docker build -t podring .
#
# Needs nothing but the Docker engine (BuildKit or the classic builder) and Debian's package archive.

FROM debian:bookworm-slim AS build
WORKDIR /src

# A layer of its own: it is rebuilt only when the list of packages changes.
COPY tools/install-deps tools/install-deps
RUN tools/install-deps --build-only

COPY CMakeLists.txt ./
COPY src src
COPY tools tools
ARG REVISION=unknown
# Raised only to try a rolling update between two versions of the protocol.
ARG PROTOCOL_MAX=1
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DPODRING_TESTS=OFF \
      -DPODRING_REVISION="$REVISION" -DPODRING_PROTOCOL_MAX="$PROTOCOL_MAX" \
 && cmake --build build --target podring inject verify-logs

# ldd names the libraries with the paths at which the loader will look for them, the loader included.
RUN mkdir -p /image/usr/bin \
 && cd build/bin \
 && for program in podring inject verify-logs; do strip -o /image/usr/bin/$program $program || exit 1; done \
 && ldd podring inject verify-logs | grep -o '/[^ :]*' | sort -u | xargs cp -L --parents -t /image

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/bin
# A number, so that Kubernetes can tell that it is not root; 65532 is customary for "nonroot".
USER 65532:65532
# 5570 ring (ZeroMQ on TCP; the UDP lane uses the same number), 8080 front end, 8081 probes and metrics
EXPOSE 5570/tcp 5570/udp 8080/tcp 8081/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/podring"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="podring" \
      org.opencontainers.image.description="A message-queue-free peer mesh for Kubernetes" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
