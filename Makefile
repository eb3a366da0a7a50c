# `make` lists the targets. CI runs .ci/run, which needs no make; the targets are for people.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE ?= usagereport:$(VERSION)
# How long `make fuzz` spends on each target.
FUZZTIME ?= 10s
# Where `make demo` puts its sample company and what it publishes.
DEMO_DIR ?= demo-data
# Where `make bench-data` puts the generated year, and how many generation events it has.
BENCH_DIR ?= .cache/bench
BENCH_EVENTS ?= 10000000
GO_FILES = git ls-files --cached --others --exclude-standard '*.go'

# In front of a command: the environment of the test servers, where they run.
WITH_SERVICES = eval "$$(.ci/services env 2>/dev/null)" || true;

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## build the static binary, as the image has it, into dist/
	deploy/build.sh dist/usagereport "$(VERSION)"

.PHONY: test
test: ## run the tests; with the real servers, where `make services` has started them
	$(WITH_SERVICES) go test ./...

.PHONY: race
race: ## run the tests with the race detector and with Arrow's assertions
	$(WITH_SERVICES) go test -race -tags=assert -timeout 20m $$(go list ./... | grep -vE '/demo$$|/test/')

.PHONY: lint
lint: ## run the linters, the layer rules among them
	.ci/lint

.PHONY: fmt
fmt: ## format the Go files
	gofmt -w $$($(GO_FILES))

.PHONY: gen
gen: ## make the generated files anew
	go generate ./...

.PHONY: verify
verify: ## everything that CI checks
	.ci/run

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 10s)
	FUZZTIME=$(FUZZTIME) .ci/fuzz

.PHONY: bench
bench: bench-data ## run the Go benchmarks, then whole programs with their peak memory: a full run, users, a workbook, the admin server
	go test -run '^$$' -bench . -benchmem ./...
	go run ./bench/run --dir "$(BENCH_DIR)"
	go run ./bench/identity --observations 5000000
	go run ./bench/workbook
	go run ./bench/serve --dir "$(BENCH_DIR)"

.PHONY: browser
browser: ## drive the admin pages in a real browser; needs Node and chromium
	npm ci --silent --ignore-scripts --prefix test/browser
	npm test --prefix test/browser

.PHONY: chaos
chaos: ## kill, stop and race the real program on files and S3, for half an hour; needs `make services`
	$(WITH_SERVICES) go run ./test/chaos -kills 600 -races 100 -pauses 13 -wait

.PHONY: chaos-mutants
chaos-mutants: ## break the publish protocol on purpose, one way after the other: chaos must find each
	$(WITH_SERVICES) go run ./test/chaos -mutants all

.PHONY: faults
faults: ## spoil the way to real servers; needs `make services`
	$(WITH_SERVICES) go test ./test/faults -v

.PHONY: year
year: ## live through 365 nights
	go test ./test/year -run TestYear -nights 365 -v -timeout 60m

.PHONY: bench-data
bench-data: ## generate a year of BENCH_EVENTS events into BENCH_DIR
	go run ./bench/gen --dir "$(BENCH_DIR)" --events $(BENCH_EVENTS)

.PHONY: services
services: ## start the real servers for the tests: PostgreSQL, MariaDB, S3, Azure, GCS
	@.ci/services start >/dev/null

.PHONY: services-stop
services-stop: ## stop the servers and remove their data
	@.ci/services stop

.PHONY: demo
demo: ## make a sample company and run its nightly job, in DEMO_DIR
	go run ./cmd/usagereport demo --dir "$(DEMO_DIR)"

.PHONY: image
image: ## build the container image
	docker build --build-arg VERSION="$(VERSION)" -t "$(IMAGE)" .

.PHONY: clean
clean: ## remove what the other targets made, but for the servers
	rm -rf dist "$(DEMO_DIR)"
