#!/bin/sh
# Builds the static binary that the container image holds: build.sh OUTPUT [VERSION]. One place for the flags, used
# by the Dockerfile, by `make build` and by CI.
#
#   CGO_ENABLED=0      no C library: the image has none
#   -trimpath          no paths of the machine that builds: equal sources give equal bytes
#   -buildvcs=false    the image's build context has no .git; the version is handed in
set -eu
out=$1
version=${2:-dev}
CGO_ENABLED=0 exec go build -trimpath -buildvcs=false -ldflags "-s -w -X main.buildVersion=$version" \
	-o "$out" ./cmd/usagereport
