# The README's two commands are `go run ./cmd/standin demo` and `make test`.
GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: test services lint race cover fuzz bench build trials soak

# Everything that must hold, with the real servers of the conformance suites.
test: services lint race cover

# The servers that the tests start on loopback; no daemon of theirs is started by the installation.
services:
	@.ci/services

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: the files above are not formatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

race:
	$(GO) test -race -timeout 20m ./...

# lang is pure, so nothing excuses an untested line there.
cover:
	@$(GO) test -coverpkg=./lang/... -coverprofile=cover.out ./lang/... ./runtime/vm/... >/dev/null
	@$(GO) tool cover -func=cover.out | awk '/^total:/ { sub("%","",$$3); print "coverage of lang: " $$3 "%"; if ($$3+0 < 90) { print "want at least 90%"; exit 1 } }'

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 10m
fuzz:
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

bench:
	$(GO) test -run '^$$' -bench . -count 5 ./lang/... ./runtime/... ./cmd/...

# What must hold for every script on every site, and whenever a run is killed: in full, where `make test` tries some.
trials:
	STANDIN_TRIALS=1000 STANDIN_KILLS=500 $(GO) test -timeout 3h -run 'TestPlan|TestUndo|TestKilled|TestTorn|TestFullDisk|TestDeadDisk' ./cmd/standin

# Random runs, crashes, resumes and undos for STANDIN_SOAK.
STANDIN_SOAK ?= 30m
soak:
	STANDIN_SOAK=$(STANDIN_SOAK) $(GO) test -timeout 24h -run '^TestSoak$$' -v ./cmd/standin | grep -v '^=== \|--- PASS: TestSoak/'

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags="-s -w" -o standin ./cmd/standin
