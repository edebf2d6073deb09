#!/usr/bin/env bash
# Builds the console and the companion into webapp/dist, from where Go embeds them. Does nothing when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/../webapp"

# sum FILES…: one line that changes when a name or a content does
sum() { find "$@" -type f 2>/dev/null | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1; }

lock="$(node --version) $(sum package.json package-lock.json)"
if [ ! -d node_modules ] || [ "$(cat node_modules/.installed 2>/dev/null)" != "$lock" ]; then
	echo "web: installing what the pages are built with (a minute the first time) …"
	npm ci --no-audit --no-fund --loglevel=error
	printf '%s' "$lock" >node_modules/.installed
fi

sources="$lock $(sum src companion index.html public-* ./*.config.ts tsconfig*.json)"
if [ ! -f dist/console/index.html ] || [ ! -f dist/companion/index.html ] || [ "$(cat dist/.built 2>/dev/null)" != "$sources" ]; then
	echo "web: building console and companion …"
	rm -f dist/.built
	npm run --silent build
	node weights.mjs # fails when a page has become too heavy
	printf '%s' "$sources" >dist/.built
fi
