# `make` alone lists the targets.
SHELL := /bin/bash -o pipefail
include scripts/versions.env

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nymstream
TOOLS := $(CACHE)/tools
LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
VULN := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
UP := $(CACHE)/up
FUZZ_TIME ?= 30s

# The product needs no C compiler; only the race detector does.
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build check format vet lint vuln test test-race test-kafka test-postgres test-kms people chaos interop bench bench-peers bench-guard pgo fuzz golden demo up down

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' Makefile

build: ## bin/nymstream, optimized by a profile: takes two minutes the first time
	go build -trimpath -pgo=cmd/nymstream/release.pgo -o bin/nymstream ./cmd/nymstream

check: format vet lint vuln test ## format, vet, lint, known vulnerabilities, tests

format: ## fails when gofmt would change a file
	@changed=$$(gofmt -l .) && [ -z "$$changed" ] || { echo "run gofmt -w on:"; echo "$$changed"; exit 1; }

vet: ## go vet, with the tags of all tests
	go vet ./...
	go vet -tags kafka,chaos,bench,people ./...
	go vet -tags nextformat ./internal/...

lint: ## golangci-lint, pinned; skipped with a message where it cannot be had
	@if [ -x $(LINT) ] || GOBIN=$(dir $(LINT)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION); \
	then $(LINT) run ./...; else echo "golangci-lint $(GOLANGCI_LINT_VERSION) cannot be had: not linted"; fi

vuln: ## govulncheck, pinned; skipped with a message where it or its database cannot be had
	@if [ -x $(VULN) ] || GOBIN=$(dir $(VULN)) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION); \
	then $(VULN) ./...; code=$$?; [ $$code = 0 ] || [ $$code = 3 ] && exit $$code; fi; \
	echo "no answer from govulncheck $(GOVULNCHECK_VERSION): not checked"

test: ## all tests that need nothing but Go
	go test -shuffle=on ./...
	go test -tags nextformat -run Upgrade ./internal/subject ./internal/app

test-race: ## the same under the race detector; needs a C compiler
	CGO_ENABLED=1 go test -race -shuffle=on ./...

test-kafka: ## end to end on real brokers, both versions
	for version in $(KAFKA_VERSION) $(KAFKA_OLD_VERSION); do \
	  NYMSTREAM_KAFKA_REQUIRED=1 scripts/with-kafka.sh -v $$version -s -- go test -tags kafka -count=1 -shuffle=on ./internal/stream/... ./internal/app/... ./test/kafka/... || exit; \
	done

test-postgres: ## the store, and the example of a recipient's database, on a PostgreSQL of its own
	NYMSTREAM_POSTGRES_REQUIRED=1 scripts/with-postgres.sh -- go test -count=1 -shuffle=on ./internal/store/... ./examples/deletions
	NYMSTREAM_POSTGRES_REQUIRED=1 scripts/with-postgres.sh -- go test -tags nextformat -count=1 -run UpgradeInstanceByInstance ./internal/app

test-kms: ## keys under a real OpenBao, and a double of AWS KMS
	scripts/with-kms.sh go test -count=1 -run 'OpenBao|Moto' ./internal/keyring

people: ## consent and erasure on a real broker and database; PEOPLE_ROUND=short for a quick round
	NYMSTREAM_KAFKA_REQUIRED=1 NYMSTREAM_POSTGRES_REQUIRED=1 scripts/with-kafka.sh -- scripts/with-postgres.sh -- go test -tags people -count=1 -v -timeout 25m ./test/people

chaos: ## the chaos harness; CHAOS_ROUND=short for a quick round, CHAOS_SEED to repeat one
	NYMSTREAM_KAFKA_REQUIRED=1 go test -tags chaos -count=1 -v -timeout 25m ./test/chaos

interop: ## other languages open what we seal
	interop/run.sh

bench: ## what sanitizing costs: the rewrite alone, and Kafka to Kafka beside others; BENCH_JSON=FILE keeps the figures
	scripts/with-kafka.sh -- go test -tags bench -count=1 -v -timeout 40m -run 'TestBench$$' ./bench

bench-peers: ## the same work by others, beside ours; BENCH_QUICK=1 for a look, BENCH_JSON=FILE and BENCH_SVG=FILE keep the figures
	scripts/with-kafka.sh -- go test -tags bench -count=1 -v -timeout 3h -run 'TestBenchPeers$$' ./bench

.PHONY: bench-detect eval-detect model
bench-detect: ## finding personal data in labelled texts, beside Presidio
	bench/detect/run.sh

eval-detect: ## precision and recall of what is found in labelled texts, by kind and source, beside the table in docs/DETECTION.md
	go test -count=1 -v -run TestEval ./internal/detect/...

model: ## train what finds names anew, on the labelled texts in CORPUS, and measure it in four folds
	go run ./internal/detect/names/train -corpus $(or $(CORPUS),../shared/pii/public.jsonl)

pgo: ## record the profile that releases are optimized by
	$(MAKE) bench BENCH_ROUNDS=1 BENCH_PROFILE=$(CACHE)/pgo
	cp $(CACHE)/pgo/cpu.pprof cmd/nymstream/release.pgo

bench-guard: ## fails when sanitizing has become a quarter dearer than recorded, in a frozen baseline's time; UPDATE=1 records anew
	go test -tags bench -count=1 -v -run TestGuard ./bench/guard

.PHONY: bench-scale bench-latency simulate
bench-scale: ## what an event costs as subjects, rules, recipients, size, cores and instances grow
	scripts/with-kafka.sh -- go test -tags bench -count=1 -v -timeout 60m -run TestScale ./bench/scale

bench-latency: ## from a producer to a read_committed reader at three loads, beside a pass-through
	scripts/with-kafka.sh -- go test -tags bench -count=1 -v -timeout 2h -run TestLatency ./bench/scale

simulate: ## what a store of subjects would be asked at 1,000,000 events/s
	go run ./bench/sim

fuzz: ## every fuzz target for FUZZ_TIME (30s)
	scripts/fuzz.sh $(FUZZ_TIME)

golden: ## rewrite the golden files; review the difference before you commit it
	go test $$(grep -rlE 'flag.Bool\("update"' --include='*_test.go' cmd internal | xargs -r -n1 dirname | sort -u | sed 's|^|./|') -update

demo: ## before and after, with a broker inside the process
	go run ./cmd/nymstream demo

up: ## a real Kafka on 127.0.0.1:19092 for development
	scripts/kafka-up.sh -d $(UP)

down: ## stop it and throw its data away
	scripts/kafka-down.sh $(UP)
