# Countersign. `make help` lists the goals; `make run` and `make test` need nothing prepared.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Where Go may lie that is not on the path yet (tools/setup.sh installs it there).
export PATH := $(PATH):/usr/local/go/bin:$(wildcard /usr/lib/go-*/bin)

LINT := go tool -modfile=tools/go.mod golangci-lint
FUZZTIME ?= 30s
CHAOS ?= 1000
CHAOS_SECONDS ?= 1200

.PHONY: help run up web build test check fmt vet lint web-test go-test sheet bench schema migration fuzz chaos mutants cover clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

run: ## the demo on this computer; LAN=1 also for phones on this network; ARGS='--addr 127.0.0.1:9000' for other flags
	@tools/setup.sh run
	@tools/web.sh
	@tools/build.sh
	@exec bin/countersign demo $(if $(LAN),--lan) $(ARGS)

up: ## docker compose: Postgres and the service, with secrets made once in ./secrets
	@tools/secrets.sh
	docker compose up --build

web: ## build console and companion into webapp/dist
	@tools/setup.sh run
	@tools/web.sh

build: web ## build bin/countersign
	@tools/build.sh

test: ## all that CI runs: format, vet, lint, web, Go with the race detector on both databases, browser
	@tools/setup.sh test
	@tools/web.sh
	@$(MAKE) --no-print-directory fmt vet lint web-test go-test

check: ## before a commit: format, vet, and the tests of packages with changes
	@$(MAKE) --no-print-directory fmt vet
	@changed=$$(git diff --name-only HEAD -- '*.go' | xargs -r -n 1 dirname | sort -u | sed 's|^|./|'); \
	if [ -n "$$changed" ]; then CGO_ENABLED=0 go test $$changed; else echo "check: no Go file changed"; fi

fmt:
	@echo "fmt: gofmt"
	@wrong=$$(gofmt -l $$(find . -name node_modules -prune -o -name '*.go' -print)); if [ -n "$$wrong" ]; then echo "not gofmt'ed (run gofmt -w):"; echo "$$wrong"; exit 1; fi

vet:
	@echo "vet: go vet"
	@CGO_ENABLED=0 go vet ./...
	@CGO_ENABLED=0 go vet -tags failpoints ./internal/failpoint ./cmd/countersign

lint: ## golangci-lint in the version that tools/go.mod pins (its first run compiles it, a minute or two)
	@echo "lint: golangci-lint"
	@CGO_ENABLED=0 $(LINT) run ./...

web-test: ## type check and unit tests of the pages
	@echo "web: type check and tests"
	@cd webapp && npm run --silent typecheck && npm test --silent

go-test: ## every Go test with the race detector (needs gcc), the browser's stories too
	@echo "go test: the first run compiles everything again for the race detector, 3 to 5 minutes"
	@CGO_ENABLED=1 go test -race -timeout 30m $$(go list ./... | grep -v /cmd/countersign$$)
	@echo "go test: the program as a whole, in processes and browsers of its own, after everything else has calmed down"
	@CGO_ENABLED=1 go test -race -timeout 60m ./cmd/countersign

sheet: ## live the journeys and put every screen, light and dark, on bin/screens/all/index.html
	@tools/setup.sh test
	@tools/web.sh
	@CGO_ENABLED=0 go test ./cmd/countersign -count 1 -run TestJourneysInTheBrowser -timeout 45m && echo bin/screens/all/index.html

bench: ## measure SCIM and the engine beside bare servers, clients and transactions in the same run (half an hour; BENCH=SCIMCreate or BENCH=TapToDialog for a part)
	@tools/setup.sh test
	@CGO_ENABLED=0 go test ./bench -run '^$$' -bench '$(or $(BENCH),.)' -benchtime 1x -timeout 60m

schema: ## write migrations/schema.{sqlite,postgres}.sql anew
	@CGO_ENABLED=0 go test ./migrations -run TestTheDumpsAreFresh -update

migration: ## next numbered migration: make migration NAME=device_colours
	@test -n "$(NAME)" || { echo "make migration NAME=what_it_does"; exit 1; }
	@last=$$(ls migrations/[0-9]*.sql | sed 's|.*/\([0-9]*\)_.*|\1|' | sort -n | tail -n 1); \
	file=$$(printf 'migrations/%04d_%s.sql' $$((10#$$last + 1)) "$(NAME)"); \
	printf -- '-- +goose Up\n-- Types that differ between the databases: {{.Timestamp}} {{.JSON}} {{.Bytes}} {{.Bool}}\n\n-- +goose Down\n' >"$$file"; echo "$$file"

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@grep -rl --include='*_test.go' '^func Fuzz' cmd internal mobileapi | xargs -n 1 dirname | sort -u | while read -r dir; do \
		for target in $$(grep -h -o '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | sed 's/func //'); do \
			echo "fuzz: $$dir $$target"; CGO_ENABLED=0 go test "./$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME); \
		done; done

chaos: ## CHAOS (1000) random fault schedules, CHAOS_SECONDS (1200) at most; COUNTERSIGN_CHAOS_SEED=… repeats the run that printed it
	@tools/setup.sh test
	@COUNTERSIGN_CHAOS_SCHEDULES=$(CHAOS) COUNTERSIGN_CHAOS_SECONDS=$(CHAOS_SECONDS) COUNTERSIGN_CHAOS_STAGES=8 CGO_ENABLED=0 \
		go test ./internal/chaos -count 1 -v -run TestRandomFaults -timeout $$(( $(CHAOS_SECONDS) + 300 ))s | grep -v '^=== '
	@CGO_ENABLED=0 go test ./internal/confirm -count 1 -run TestRandomLivesFollowTheModel -rapid.checks=$(CHAOS) -rapid.nofailfile -timeout $$(( $(CHAOS_SECONDS) + 300 ))s

mutants: ## change the product line by line and see each attack's test fail (docs/attacks.md); half an hour
	@CGO_ENABLED=0 go test ./internal/apitest -run '^TestMutants$$' -timeout 90m -v -args -mutants

cover: ## coverage of all packages by all tests, as cover.html
	@CGO_ENABLED=0 go test -coverpkg=./... -coverprofile=cover.out ./... >/dev/null
	@go tool cover -func=cover.out | tail -n 1
	@go tool cover -html=cover.out -o cover.html && echo cover.html

clean: ## remove what was built, not the data
	@rm -rf bin cover.out cover.html webapp/dist/console webapp/dist/companion webapp/dist/.built
