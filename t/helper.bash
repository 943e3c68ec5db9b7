# Loaded by every suite: each test has its own home, state root and project.
# B is the build directory.

setup() {
	B=${B:-$BATS_TEST_DIRNAME/../build}
	B=$(cd "$B" && pwd)
	PATH=$B/bin:$PATH
	T=$(mktemp -d "${TMPDIR:-/tmp}/rkat-t.XXXXXX")
	export HOME=$T/home RKAT_STATE_ROOT=$T/state
	mkdir -p "$HOME" "$T/work"
	unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME RKAT_REALM RKAT_LOG
	unset ANTHROPIC_API_KEY OPENAI_API_KEY GEMINI_API_KEY GOOGLE_API_KEY
	unset RKAT_ANTHROPIC_API_KEY RKAT_OPENAI_API_KEY RKAT_GEMINI_API_KEY
	unset ANTHROPIC_BASE_URL OPENAI_BASE_URL GEMINI_BASE_URL GOOGLE_GEMINI_BASE_URL RKAT_TEST_CLIENT
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
	export RKAT_REALM=test NO_COLOR=1
	cd "$T/work" || return 1
	SIM_PID=
	# Servers with their traffic recorded (no RKAT_ name: clients drop those); ASan refuses to start behind a preload.
	if [ -e "$B/t/spy.so" ] && [ -z "${RKAT_SAN-}" ]; then
		PATH=$BATS_TEST_DIRNAME/spied:$PATH
		export B SPY_RECORD=$T/spy
	fi
	declare -F local_setup >/dev/null && local_setup
	return 0
}

teardown() {
	sim_stop
	declare -F local_teardown >/dev/null && local_teardown
	local bad=0
	events_check || bad=$?
	traffic_check || bad=$?
	cd / && rm -rf "$T"
	return "$bad"
}

# What the test left behind is what it should be: every event in a log is of the
# contract, and so is every line and body that a server of ours sent, by our own schemas
# too.  A test whose logs are no events on purpose says NO_EVENTS_CHECK=1.
SHARE=$BATS_TEST_DIRNAME/../share
CONTRACT=$BATS_TEST_DIRNAME/../../shared/contract/schemas
events_check() {
	local logs
	[ -z "${NO_EVENTS_CHECK-}" ] && [ -x "$B/t/tool/schema_check" ] || return 0
	logs=$(ls "$RKAT_STATE_ROOT"/*/events/*.jsonl 2>/dev/null) || [ -n "$logs" ] || return 0
	(
		IFS=$'\n'
		"$B/t/tool/schema_check" -s "$SHARE/rpc.schema.json#/\$defs/Envelope" $logs &&
		    { [ ! -d "$CONTRACT" ] || "$B/t/tool/schema_check" -s "$CONTRACT/events.json!AgentEvent" -m payload $logs; }
	) >&2
}
traffic_check() {
	local record bad=0
	[ -x "$B/t/tool/schema_check" ] || return 0
	for record in "$T"/spy.*; do
		[ -s "$record" ] || continue
		{ python3 "$BATS_TEST_DIRNAME/traffic.py" "$record" "$SHARE" "$CONTRACT" >"$T/traffic" &&
		    "$B/t/tool/schema_check" <"$T/traffic"; } >&2 || bad=1
	done
	return "$bad"
}

# Also one that a subshell started: the file knows it.
sim_stop() {
	local pid
	pid=$(cat "$T/sim.pid" 2>/dev/null) || return 0
	{ kill "$pid"; kill -CONT "$pid"; wait "$pid"; } 2>/dev/null || :
	SIM_PID=
	rm -f "$T/sim.port" "$T/sim.pid"
}

# sim ARGS...: start rkat-sim on a free port and point all four providers at it.
sim() {
	sim_stop
	rkat-sim --port 0 --ready "$T/sim.port" --log "$T/sim.log" "$@" >"$T/sim.out" 2>&1 3>&- 9>&- &
	SIM_PID=$!
	echo "$SIM_PID" >"$T/sim.pid"
	wait_for test -s "$T/sim.port"
	SIM=http://127.0.0.1:$(cat "$T/sim.port")
	export ANTHROPIC_BASE_URL=$SIM OPENAI_BASE_URL=$SIM GEMINI_BASE_URL=$SIM
	export ANTHROPIC_API_KEY=sim-key OPENAI_API_KEY=sim-key GEMINI_API_KEY=sim-key
}

# sim_script 'RULE' ...: a script of these JSON lines.
sim_script() {
	printf '%s\n' "$@" >"$T/script.jsonl"
	sim script "$T/script.jsonl"
}

# wait_for COMMAND...: until it succeeds, 30 s at most; what must be quick says so itself.
wait_for() {
	local end=$((EPOCHSECONDS + 30))
	until "$@" >/dev/null 2>&1; do
		[ "$EPOCHSECONDS" -lt "$end" ] || { echo "waited in vain for: $*" >&2; return 1; }
		sleep 0.02
	done
}

# listens PATH: somebody takes connections at that Unix socket; the file alone says little.
listens() { grep -q " 00010000 0001 01 *[0-9]* $1\$" /proc/net/unix; }

# within MS: so many, and what a busy machine or a sanitizer adds to it.
within() {
	awk -v ms="$1" -v cpus="$(nproc)" -v slow="${RKAT_SAN:+3}" '{
		split($4, run, "/")
		n = run[1] > $1 ? run[1] : $1
		printf "%d\n", ms * (n > cpus ? n / cpus : 1) * (slow ? slow : 1)
	}' /proc/loadavg
}

# The realm's directory, and one SQL question to its database.
realm_dir() { echo "$RKAT_STATE_ROOT/$RKAT_REALM"; }
db() { sqlite3 -cmd '.timeout 10000' "$(realm_dir)/realm.sqlite3" "$1"; }

# same GOT WANT: equal, or say both.
same() {
	[ "$1" = "$2" ] || { printf 'got:  %s\nwant: %s\n' "$1" "$2" >&2; return 1; }
}
has() {
	case $1 in *"$2"*) ;; *) printf 'got:  %s\nwant in it: %s\n' "$1" "$2" >&2; return 1 ;; esac
}
lacks() {
	case $1 in *"$2"*) printf 'got:  %s\nmust not hold: %s\n' "$1" "$2" >&2; return 1 ;; esac
}
