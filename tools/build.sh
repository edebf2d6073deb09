#!/usr/bin/env bash
# Builds bin/countersign, the whole program with its pages, without cgo. Says how long it takes and shows how far it is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin
commit=$(git rev-parse --short HEAD 2>/dev/null || true)
version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
if [ ! -x bin/countersign ]; then
	echo "build: the first build downloads and compiles everything the program is made of: 2 to 5 minutes on two cores. Later ones take seconds."
fi
started=$SECONDS
show() { # counts the packages that go build -v names and passes everything else on
	awk -v tty="$1" '/^[a-zA-Z0-9._~\/-]+$/ { n++; if (tty) { printf "\r  %d packages compiled", n; fflush() } else if (n % 50 == 0) { printf "  %d packages compiled\n", n; fflush() } next }
		{ print } END { if (tty && n) printf "\n" }'
}
tty=
[ -t 1 ] && tty=1
CGO_ENABLED=0 go build -v -ldflags "-s -w -X main.version=$version -X main.commit=$commit" -o bin/countersign ./cmd/countersign 2>&1 | show "$tty"
echo "build: bin/countersign, $((SECONDS - started)) s"
