# The image of usagereport: one static binary, which has the time zones in it, and the certificate authorities. No shell, no package
# manager, an unprivileged user, a root file system that can be read-only:
#
#   docker build --build-arg VERSION=1.2.3 -t usagereport:1.2.3 .
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v "$PWD/usagereport.yaml:/etc/usagereport/usagereport.yaml:ro" -v lake:/var/lib/usagereport \
#     usagereport:1.2.3 run --config /etc/usagereport/usagereport.yaml
#
# Written to, by a run: the lake, if it is a folder (/var/lib/usagereport), and temporary files (/tmp). With a lake
# in a bucket a tmpfs on /tmp is all that a run needs.

# The builder is pinned by a tag that names the exact release. To pin it by content too, which a tag cannot promise,
# append the digest that `docker buildx imagetools inspect golang:1.26.8-bookworm` prints: golang:…@sha256:….
ARG GO_IMAGE=golang:1.26.8-bookworm

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
# The toolchain is the image's; never one that go.mod would make it download.
ENV GOTOOLCHAIN=local
WORKDIR /src
# Before the sources, so that editing one does not fetch the modules again. go.sum pins their content.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOFLAGS=-mod=readonly GOOS=$TARGETOS GOARCH=$TARGETARCH deploy/build.sh /out/usagereport "$VERSION"
# The folders that are written to.
RUN mkdir -p /owned/var/lib/usagereport /owned/tmp && chmod 0700 /owned/var/lib/usagereport /owned/tmp

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="usagereport" \
      org.opencontainers.image.description="Nightly usage logs, audit log and usage workbooks from source systems to a bucket" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A named volume takes its owner from the folder in the image.
COPY --from=build --chown=65532:65532 /owned/ /
COPY --from=build /out/usagereport /usagereport
# By number: there is no /etc/passwd, and Kubernetes' runAsNonRoot can check a number only.
USER 65532:65532
WORKDIR /var/lib/usagereport
VOLUME ["/var/lib/usagereport"]
ENTRYPOINT ["/usagereport"]
CMD ["--help"]
