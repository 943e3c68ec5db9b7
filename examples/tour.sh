#!/bin/sh
# A tour without a key and without a network: what `make run` shows.  Every line that
# starts with $ can be repeated; with a key of your own leave out the rkat-sim part.
set -eu
cd "$(dirname "$0")/.."
script=$PWD/examples/sim/hello.jsonl
tmp=$(mktemp -d)
sim=
trap '[ -z "$sim" ] || kill "$sim"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
	bold='' plain=''
fi
say() { printf '\n# %s\n' "$*"; }
show() {
	printf '%s$ %s%s\n' "$bold" "$1" "$plain"
	eval "$1"
}

say "A stand-in model server on loopback takes the place of a model."
printf '%s$ %s%s\n' "$bold" "rkat-sim --port 0 script examples/sim/hello.jsonl &" "$plain"
rkat-sim --port 0 --ready "$tmp/port" script "$script" 2>"$tmp/sim" &
sim=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -s "$tmp/port" ] || break
	sleep 0.2
done
cat "$tmp/sim"
unset RKAT_REALM
show "export ANTHROPIC_BASE_URL=http://127.0.0.1:$(cat "$tmp/port") ANTHROPIC_API_KEY=none"

# A directory to work in, and state that goes away with the tour.
mkdir "$tmp/work"
cp README.md Makefile "$tmp/work/"
cd "$tmp/work"
export HOME="$tmp" RKAT_STATE_ROOT="$tmp/state"

say "A session with a shell: the answer streams, two tools run side by side."
show 'rkat run --stream --tools workspace "List the files here."'

say "The session is on disk. Another process goes on where the first one stopped."
show 'rkat continue --stream "What do you remember?"'

say "Sessions are rows ..."
show 'rkat sessions list'

say "... and everything an agent does is a line of JSON."
show "rkat sessions events last | jq -r .payload.type | sort | uniq -c"

say "Your turn: set ANTHROPIC_API_KEY (or OPENAI_API_KEY, GEMINI_API_KEY), then"
cat <<'END'
    build/bin/rkat run --tools workspace "List the files here."
    build/bin/rkat help tour
END
