#!/usr/bin/env bash
# Checks, before any long build, that this machine has what a goal needs, and installs what its package manager can.
#   tools/setup.sh run    Go and Node                       (make run)
#   tools/setup.sh test   those, gcc, Postgres, Chromium    (make test)
# Needs no answer from anybody: it installs as root or through `sudo -n`, and otherwise says in one line what to type.
set -euo pipefail
cd "$(dirname "$0")/.."
goal=${1:-run}

go_needed=$(sed -n 's/^go //p' go.mod)
node_needed=20.19

packages=() # what apt is asked for
missing=()  # what a person has to do, a line each

have() { command -v "$1" >/dev/null 2>&1; }
# at_least HAVE NEEDED: compares dotted numbers
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
# candidate PACKAGE: the version that apt would install, without epoch and revision
candidate() {
	have apt-cache || return 0
	apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v '(none)' | sed 's/^[0-9]*://; s/[-~+].*//' | head -n 1
}
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}
can_install() {
	have apt-get || return 1
	[ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }
}
updated=
update() {
	[ -z "$updated" ] && can_install || return 0
	updated=yes
	echo "setup: asking the package manager what it has …"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null 2>&1 || true
}

# Debian and Ubuntu keep newer Go releases beside the path.
for dir in /usr/local/go/bin /usr/lib/go-*/bin "$HOME/go/bin"; do
	if ! have go && [ -x "$dir/go" ]; then PATH=$PATH:$dir; fi
done

go_found=none
if have go; then go_found=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[ -].*//'); fi
if [ "$go_found" = none ] || ! at_least "$go_found" "$go_needed"; then
	update
	if at_least "$(candidate golang-go)" "$go_needed" 2>/dev/null && [ -n "$(candidate golang-go)" ]; then
		packages+=(golang-go)
	else
		missing+=("Go $go_needed or newer is needed, found: $go_found. Install it as https://go.dev/doc/install says, then run this again.")
	fi
fi

node_found=none
if have node; then node_found=$(node --version | sed 's/^v//'); fi
if [ "$node_found" = none ] || ! at_least "$node_found" "$node_needed"; then
	update
	if [ -n "$(candidate nodejs)" ] && at_least "$(candidate nodejs)" "$node_needed"; then
		packages+=(nodejs)
	else
		missing+=("Node $node_needed or newer is needed, found: $node_found. Install it as https://nodejs.org/en/download says, then run this again.")
	fi
fi

if [ "$goal" = test ]; then
	have gcc || packages+=(gcc libc6-dev) # the race detector alone needs it; the program is built without
	if [ -z "${PGBIN:-}" ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then packages+=(postgresql); fi
	if [ -z "${CHROMIUM:-}" ] && ! have chromium && ! have chromium-browser && ! have google-chrome; then
		update
		if [ -n "$(candidate chromium)" ]; then
			packages+=(chromium)
		elif [ -n "$(candidate chromium-browser)" ]; then # Ubuntu's, which comes as a snap
			packages+=(chromium-browser)
		else
			missing+=("Chromium is needed. Install it, or name one: CHROMIUM=/path/to/chrome make test")
		fi
	fi
fi

# install PACKAGES…: as far as this may be done here without asking anybody
install() {
	local log
	if can_install; then
		update
		echo "setup: installing $* …"
		log=$(mktemp)
		if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
			tail -n 5 "$log" >&2
			missing+=("Installing failed. Type: sudo apt-get install -y $*")
		fi
		rm -f "$log"
	elif have apt-get; then
		missing+=("Type: sudo apt-get update && sudo apt-get install -y $*")
	else
		missing+=("Install with your package manager: $*")
	fi
}

[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
if have node && ! have npm; then install npm; fi # some packages of Node bring it, others conflict with it

if [ ${#missing[@]} -gt 0 ]; then
	printf 'setup: %s\n' "${missing[@]}" >&2
	exit 1
fi
