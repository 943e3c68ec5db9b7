# shellcheck shell=sh disable=SC2046,SC2086,SC2154	# part of t/bench/run; the words are the numbers
# Comms: signed envelopes, external events, how soon an agent is awake.

set -- $("$B/t/bench/envelope" 2)
verify=$1
# What an envelope costs at least that is acknowledged: the ACK is signed.
both=$(awk "BEGIN { printf \"%.0f\", 1 / (1 / $1 + 1 / $3) }")
row "envelopes opened and verified, 500 bytes" "$2/s" "$1/s" "$(ratio "$2" "$1") of bare crypto_sign_verify_detached"
row "envelopes sealed" "$4/s" "$3/s" "$(ratio "$4" "$3") of bare crypto_sign_detached"
row "  opened, trusted and admitted, 64 a commit" "$5/s" "$1/s" "$(ratio "$5" "$1") of bare verify"
set -- $("$B/t/bench/forged")
f=$2 v=$1
shift 2
row "a forged frame of 1 MiB, refused" "$f ms" "$v ms" "$(ratio "$f" "$v") of bare verify over 1 MiB; the dearest of six shapes: $*"

# peerd: its pid is $srv, its port $port.
printf 'peer_rate = 1000000\npeer_burst = 1000000\nrealm_inbox = 1000000\n' >"$T/limits"
peerd() {
	: >"$T/peerd.err"
	rkat-peerd --listen-tcp 127.0.0.1:0 --limits "$T/limits" 2>"$T/peerd.err" &
	srv=$!
	while ! grep -q listening "$T/peerd.err"; do sleep 0.05; done
	port=$(sed -n 's/.*tcp:.*:\([0-9]*\)$/\1/p' "$T/peerd.err" | head -n 1)
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
key=$("$B/t/bench/peer" key)
export RKAT_REALM=peers
for i in $(seq 32); do
	rkat-session create --comms-name "s$i" >/dev/null
	rkat-comms identity -s "s$i" --json | jq -r .public_key
done >"$T/keys"
rkat-comms trust add bench "$key" tcp://127.0.0.1:9 >/dev/null
peerd
a=$(ticks $srv)
t=$("$B/t/bench/peer" accept "$port" 8000 $(cat "$T/keys"))
cpu=$(awk "BEGIN { printf \"%.0f\", 8000 * $(getconf CLK_TCK) / ($(ticks $srv) - $a + 1) }")
row "envelopes through rkat-peerd's socket" "$t/s" "$verify/s" "$(ratio "$t" "$verify") of bare verify, with its client on the same machine"
row "  bound by the signed ACK, too" "$t/s" "$both/s" "$(ratio "$t" "$both") of bare verify and sign"
row "  a second of its processor" "$cpu/s" "$verify/s" "$(ratio "$cpu" "$verify") of bare verify"
row "  bound by the signed ACK, too" "$cpu/s" "$both/s" "$(ratio "$cpu" "$both") of bare verify and sign"
served

set -- $("$B/t/bench/commit" 1920)
export RKAT_REALM=events
rkat-session create --comms-name agent >/dev/null
# lines N BATCH: events a second
lines() {
	seq "$1" | sed 's/.*/{"payload":{"text":"something of some length happened","number":&}}/' >"$T/lines"
	a=$(date +%s%N)
	rkat-comms event --lines --batch "$2" agent <"$T/lines" >/dev/null || return 1
	awk "BEGIN { printf \"%.0f\", $1 * 1e9 / ($(date +%s%N) - $a) }"
}
row "external events, one a commit, in the library" "$2/s" "$1/s" "$(ratio "$2" "$1") of bare SQLite"
t=$(lines 2000 1)
row "  rkat-comms event --lines --batch 1" "$t/s" "$1/s" "$(ratio "$t" "$1") of bare SQLite"
row "external events, 64 a commit, in the library" "$4/s" "$3/s" "$(ratio "$4" "$3") of bare SQLite"
t=$(lines 20000 64)
row "  rkat-comms event --lines" "$t/s" "$3/s" "$(ratio "$t" "$3") of bare SQLite"
t=$(med 100 rkat-comms event agent '{"text":"something of some length happened"}')
row "rkat-comms event, a process each" "$t ms" "$empty ms" "$(ratio "$t" "$empty") of /bin/true"

# A session for each: what it has heard makes its turns longer.
export RKAT_REALM=wake
for i in 1 2; do
	id=$(rkat-session create --comms-name agent$i --keep-alive)
	: >>"$RKAT_STATE_ROOT/wake/events/$id.jsonl"
	ln -s "$RKAT_STATE_ROOT/wake/events/$id.jsonl" "$T/log$i"
done
rkat-comms trust add bench "$key" tcp://127.0.0.1:9 >/dev/null
to=$(rkat-comms identity -s agent1 --json | jq -r .public_key)
peerd
# What the model alone takes to its first byte.
c=$(med 50 curl -sN -H 'content-type: application/json' -H 'x-api-key: sim-key' -H 'anthropic-version: 2023-06-01' \
    -d '{"model":"claude-opus-4-6","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello"}]}' "$url/v1/messages")
set -- $("$B/t/bench/peer" wake "$T/log1" 100 "$port" "$to")
row "a peer's envelope to the model's first text, p50" "$1 ms" "$c ms" "+$(awk "BEGIN { printf \"%.1f\", $1 - $c }") ms over curl"
row "  p99" "$2 ms" "" ""
set -- $("$B/t/bench/peer" wake "$T/log2" 100 rkat-comms event agent2 '{"text":"wake up"}')
row "rkat-comms event to the model's first text, p50" "$1 ms" "$c ms" "+$(awk "BEGIN { printf \"%.1f\", $1 - $c }") ms over curl"
row "  p99" "$2 ms" "" ""
served

export RKAT_REALM=residents
rkat-session create --comms-name s0 --keep-alive >/dev/null
peerd
row "RSS of rkat-peerd, one resident" "$(rss $srv) kB" "" ""
served
for i in $(seq 999); do
	rkat-session create --comms-name "s$i" --keep-alive >/dev/null
done
peerd
rkat-comms event s1 '{}' >/dev/null
sleep 2
row "  1000 residents" "$(rss $srv) kB" "" ""
timeout -s INT 10 strace -f -qq -o "$T/calls" -p $srv 2>/dev/null
row "  system calls in 10 s without work" "$(grep -vc detached "$T/calls")" "" ""
served
