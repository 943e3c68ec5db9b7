load helper

P=.rkat/config.toml

local_setup() {
	CONFIG=$(realm_dir)/config.toml
	STATE=$(realm_dir)/config_state.json
}

# fails STATUS TEXT COMMAND...: it fails so, with TEXT on stderr and nothing on stdout.
fails() {
	local want=$1 text=$2
	shift 2
	run --separate-stderr "$@"
	same "$status" "$want" || return 1
	same "$output" "" || return 1
	has "$stderr" "$text"
}

bats_require_minimum_version 1.5.0

@test "get: an empty realm shows all defaults, plain keys before tables" {
	run rkat-config get
	same "$status" 0
	same "$(head -4 <<<"$output")" 'max_tokens = 16384

[agent]
model = "claude-opus-4-6"'
	has "$output" 'initial_delay = "500ms"'
	[ ! -e "$RKAT_STATE_ROOT" ]	# looking makes nothing
}

@test "get: JSON has the declaration order, and the envelope on request" {
	run rkat-config get --format json
	same "$(jq -rc 'keys_unsorted | join(" ")' <<<"$output")" "agent provider storage budget retry tools models max_tokens shell store providers comms compaction limits rest hooks skills self_hosted provider_tools timeouts"
	run rkat-config get --format=json --with-generation
	same "$(jq -c 'del(.config)' <<<"$output")" '{"generation":0,"realm_id":null,"instance_id":null,"backend":null}'
	rkat-config set --json '{}'
	run rkat-config get --with-generation
	same "${lines[0]}" "# generation = 1"
}

@test "get: one value by its path, as plain text, TOML or JSON" {
	same "$(rkat-config get agent.model)" claude-opus-4-6
	same "$(rkat-config get --format json agent.model)" '"claude-opus-4-6"'
	same "$(rkat-config get limits)" ""
	same "$(rkat-config get agent.max_turns)" ""
	same "$(rkat-config get --format json agent.max_turns)" null
	same "$(rkat-config get rest)" 'host = "127.0.0.1"
port = 8080'
	rkat-config set --json '{"self_hosted":{"servers":{"a.b":{"base_url":"http://x"}}},"hooks":{"entries":[{"id":"h"}]}}'
	same "$(rkat-config get 'self_hosted.servers."a.b".base_url')" http://x
	same "$(rkat-config get hooks.entries.0.id)" h
	fails 1 "NOT_FOUND: no such key: agent.nope" rkat-config get agent.nope
	fails 1 "no such key: agent..model" rkat-config get agent..model
	fails 1 'no such key: "x' rkat-config get '"x'
}

@test "layers: user below project below realm, and patch null lets them through" {
	mkdir -p "$HOME/.rkat" .rkat
	printf 'max_tokens = 1\n[agent]\nmodel = "u"\nmax_turns = 9\n' >"$HOME/$P"
	printf '[agent]\nmodel = "p"\n' >"$P"
	same "$(rkat-config get agent.model)" p
	same "$(rkat-config get agent.max_turns)" 9
	rkat-config patch '{"agent":{"model":"r"}}'
	same "$(rkat-config get agent.model)" r
	rkat-config patch '{"agent":{"model":null}}'
	same "$(rkat-config get agent.model)" p
	same "$(rkat-config get max_tokens)" 1
}

@test "set: a file is kept as it is, comments and unknown keys included" {
	printf '# mine\nmax_tokens = 5 # so\n[other]\nwhen = 1979-05-27\n' >f.toml
	same "$(rkat-config set f.toml)" generation=1
	cmp f.toml "$CONFIG"
	echo '{"max_tokens":6}' >f.json
	same "$(rkat-config set f.json)" generation=2
	same "$(cat "$CONFIG")" 'max_tokens = 6'
	same "$(rkat-config set - <<<'{"max_tokens":7}')" generation=3
	same "$(rkat-config set - <<<'max_tokens = 8')" generation=4
	same "$(rkat-config set --toml 'max_tokens = 9')" generation=5
	same "$(rkat-config get max_tokens)" 9
	same "$(stat -c %a "$CONFIG")" 600
}

@test "patch: inline, from a file, from stdin, and dates of unknown keys survive" {
	rkat-config set --toml 'when = 1979-05-27'
	echo '{"max_tokens":1}' >p.json
	same "$(rkat-config patch p.json)" generation=2
	same "$(rkat-config patch --json '{"agent":{"max_turns":2}}')" generation=3
	same "$(rkat-config patch - <<<'{"x":9007199254740993}')" generation=4
	same "$(cat "$CONFIG")" 'when = 1979-05-27
max_tokens = 1
x = 9007199254740993

[agent]
max_turns = 2'
}

@test "compare and swap: the wrong generation changes nothing" {
	rkat-config set --json '{"max_tokens":1}'
	fails 1 "Failed to persist config: generation conflict: expected 0, current 1" \
		rkat-config set --json '{"max_tokens":2}' --expected-generation 0
	fails 1 "Failed to patch config: generation conflict: expected 7, current 1" \
		rkat-config patch '{"max_tokens":2}' --expected-generation 7
	same "$(rkat-config get max_tokens)" 1
	same "$(rkat-config patch '{"max_tokens":2}' --expected-generation 1)" generation=2
	same "$(cat "$STATE")" '{
  "generation": 2
}'
}

@test "compare and swap: of two writers at one generation exactly one wins, every round" {
	rkat-config set --json '{}'
	for n in $(seq 1 10); do
		rkat-config patch '{"max_tokens":1}' --expected-generation "$n" >a 2>&1 &
		a=$!
		rkat-config patch '{"max_tokens":2}' --expected-generation "$n" >b 2>&1 &
		won=0
		wait $a && won=$((won + 1))
		wait $! && won=$((won + 1))
		same "$won" 1
		has "$(cat a b)" "generation conflict"
	done
	same "$(jq .generation "$STATE")" 11
}

@test "a lock that somebody holds for ever is given up on" {
	rkat-config set --json '{}'
	flock -o "$(realm_dir)/config_state.lock" sleep 30 3>&- &
	holder=$!
	wait_for bash -c "! flock -n '$(realm_dir)/config_state.lock' true"
	fails 1 "timed out acquiring config lock" rkat-config patch '{}'
	pkill -P $holder; wait $holder 2>/dev/null || true
	same "$(rkat-config patch '{}')" generation=2
}

@test "validation: the contract's texts, and nothing is written" {
	V="Failed to persist config: Validation error:"
	fails 1 "$V max_tokens must be greater than 0" rkat-config set --json '{"max_tokens":0}'
	fails 1 "$V limits.budget must be greater than 0 when set" rkat-config set --json '{"limits":{"budget":0}}'
	fails 1 "$V compaction.recent_turn_budget must be greater than 0" rkat-config set --json '{"compaction":{"recent_turn_budget":0}}'
	fails 1 "$V provider base_url conflicts with providers.base_urls entry" rkat-config set --json \
		'{"provider":{"type":"openai","base_url":"a"},"providers":{"base_urls":{"openai":"b"}}}'
	fails 1 "$V self_hosted.models.m references unknown server 's'" rkat-config set --json \
		'{"self_hosted":{"models":{"m":{"server":"s"}}}}'
	fails 1 "$V model id must be unique across built-in and self-hosted entries" rkat-config set --json \
		'{"self_hosted":{"servers":{"s":{}},"models":{"claude-opus-4-6":{"server":"s"}}}}'
	fails 1 "config.toml: agent.max_turns: want a whole number from 0 to 4294967295" rkat-config patch '{"agent":{"max_turns":1.5}}'
	[ ! -e "$CONFIG" ]
}

@test "broken text is named with its place" {
	fails 1 "Failed to parse TOML config: line 1, column 5: expected a value" rkat-config set --toml 'a = '
	fails 1 "Failed to parse JSON config: " rkat-config set --json '{"a":01}'
	fails 1 "Failed to parse JSON patch: " rkat-config patch '{'
	fails 1 "Failed to patch config: a patch must be a JSON object" rkat-config patch --json 3
	fails 1 "Failed to persist config: number out of range: 1e400" rkat-config set --json '{"x":1e400}'
	fails 1 "Failed to read config file: " rkat-config set nope.toml
	mkdir -p .rkat
	echo 'x = [' >$P
	fails 2 "$P: line 2, column 1: expected a value" rkat-config get
	fails 1 "$P: line 2, column 1: expected a value" rkat-config patch '{}'
}

@test "hostile option values are one clear line and exit 2" {
	for args in "get --format xml" "get --format" "get a b" "set" "set x --json {}" \
		"set --json {} --toml x" "patch --toml x" "set --json {} --expected-generation -1" \
		"set --json {} --expected-generation 99999999999999999999" \
		"set --json {} --expected-generation 1x" "nope" "" "realms" "realms show" \
		"realms show a/b" "realms create $(printf 'x%.0s' $(seq 70))" \
		"realms prune --older-than-hours -1" "models nope" "doctor x" "init x" "get --realm"; do
		# shellcheck disable=SC2086
		run --separate-stderr rkat-config $args
		same "$args: $status" "$args: 2"
		same "$output" ""
		[ -n "$stderr" ]
	done
	[ ! -e "$RKAT_STATE_ROOT" ]
}

@test "secrets are masked, on disk they are not, and a masked one sent back stays" {
	rkat-config set --json '{"providers":{"api_keys":{"openai":"sk-abcdefgh-9x"}},"self_hosted":{"servers":{"s":{"base_url":"http://h","bearer_token":"tok-12345"}}}}'
	run rkat-config get
	has "$output" 'openai = "sk...9x"'
	has "$output" 'bearer_token = "to...45"'
	lacks "$(rkat-config get --format json)" abcdefgh
	same "$(rkat-config get providers.api_keys.openai)" "sk...9x"
	same "$(rkat-config get --show-secrets providers.api_keys.openai)" sk-abcdefgh-9x
	rkat-config get --format json | rkat-config set -
	same "$(rkat-config get --show-secrets providers.api_keys.openai)" sk-abcdefgh-9x
	same "$(rkat-config get --show-secrets self_hosted.servers.s.bearer_token)" tok-12345
}

@test "a full disk leaves the old configuration in place" {
	rkat-config set --json '{"max_tokens":1}'
	cp "$CONFIG" before
	big=$(printf '{"x":"%090000d"}' 0)
	printf '%s' "$big" >big.json
	run bash -c 'ulimit -f 8; trap "" XFSZ; rkat-config set big.json'
	same "$status" 1
	has "$output" "config.toml: File too large"
	cmp before "$CONFIG"
	same "$(jq .generation "$STATE")" 1
	same "$(find "$(realm_dir)" -name '*tmp*' | wc -l)" 0
}

@test "a read-only state root is read, and a write says why it cannot" {
	rkat-config set --json '{"max_tokens":3}'
	if unshare -rm true 2>/dev/null; then
		run unshare -rm bash -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && rkat-config get max_tokens; rkat-config patch "{}"' "$RKAT_STATE_ROOT"
		same "$status" 1
		same "${lines[0]}" 3
		has "$output" "Read-only file system"
	else
		skip "no user namespaces here"
	fi
}

@test "output that cannot be written is a failure" {
	run bash -c 'rkat-config get >/dev/full'
	same "$status" 1
	has "$output" "FAILED: standard output: No space left on device"
}

@test "models: the catalogue has the contract's shape and ignores --json" {
	run rkat-config models catalog
	same "$status" 0
	same "$(jq -c '[.providers[].provider]' <<<"$output")" '["anthropic","openai","gemini"]'
	same "$(jq -c '.contract_version' <<<"$output")" '{"major":0,"minor":5,"patch":2}'
	same "$(jq -r '.providers[1].default_model_id' <<<"$output")" gpt-5.4
	same "$(rkat-config models --json)" "$output"
	same "$(rkat-config models list --json | jq -c '.[] | select(.id == "claude-opus-4-6").price')" \
		'{"input":5,"output":25,"cache_read":0.5,"cache_write":6.25}'
	has "$(rkat-config models list)" "gemini-3.1-pro-preview         gemini        1000000      8192        2       12      0.2        -"
}

@test "models: the user's file goes over the catalogue, a broken one is named" {
	mkdir -p "$HOME/.rkat"
	echo '{"models":{"gpt-5.4":{"display_name":"Mine"},"new":{"provider":"openai"}}}' >"$HOME/.rkat/models.json"
	same "$(rkat-config models | jq -c '[.providers[1].models[] | select(.id == "gpt-5.4" or .id == "new").display_name]')" '["Mine","new"]'
	echo '{"models":' >"$HOME/.rkat/models.json"
	fails 2 ".rkat/models.json: " rkat-config models
}

@test "capabilities: order of the contract, policy from the configuration" {
	run rkat-config capabilities
	same "$(jq -r '[.capabilities[].id] | join(" ")' <<<"$output")" "sessions streaming structured_output hooks builtins shell comms memory_store session_store session_compaction skills mcp_live"
	same "$(jq -c '.capabilities[5].status' <<<"$output")" '{"DisabledByPolicy":{"description":"tools.shell_enabled = false"}}'
	rkat-config set --json '{"tools":{"shell_enabled":true}}'
	same "$(rkat-config capabilities --json | jq -c '.capabilities[5].status')" '"Available"'
}

@test "init: template at home, copy in the project, once" {
	run rkat-config init
	same "$output" "Initialized $PWD/$P"
	cmp "$HOME/$P" "$P"
	fails 1 "Project config already exists at $PWD/$P" rkat-config init
	same "$(rkat-config get max_tokens)" 16384
}

@test "init: a user's settings are copied, their secrets are not" {
	mkdir -p "$HOME/.rkat" a b
	echo 'max_tokens = 5' >"$HOME/$P"
	(cd a && rkat-config init)
	same "$(cat a/$P)" 'max_tokens = 5'
	printf '[providers.api_keys]\nopenai = "sk-abcdefgh"\n' >"$HOME/$P"
	run bash -c 'cd b && rkat-config init'
	same "$status" 0
	has "$output" "is not copied: it holds secrets"
	lacks "$(cat b/$P)" abcdefgh
}

@test "realms: create, list, show, delete" {
	same "$(rkat-config realms current)" test
	same "$(rkat-config realms list)" "No realms found."
	same "$(rkat-config realms create beta)" "Created realm 'beta' backend=sqlite origin=explicit"
	same "$(rkat-config realms create alpha --backend sqlite)" "Created realm 'alpha' backend=sqlite origin=explicit"
	run rkat-config realms list
	same "${lines[0]}" "REALM                        BACKEND  ORIGIN         ACTIVE   CREATED_AT  "
	same "${#lines[1]}" 76
	has "${lines[2]}" "alpha                        sqlite   explicit       0        "
	same "$(rkat-config realms list --json | jq -c '[.[].realm_id]')" '["alpha","beta"]'
	run rkat-config realms show alpha
	same "${lines[0]}" "realm_id: alpha"
	same "${lines[5]}" "active_leases: 0"
	fails 1 "Realm not found: gamma" rkat-config realms show gamma
	same "$(rkat-config realms delete alpha)" "Deleted realm 'alpha'"
	same "$(rkat-config realms delete alpha)" "Deleted realm 'alpha'"
	[ ! -e "$RKAT_STATE_ROOT/alpha" ]
	fails 2 "invalid explicit realm id: -" rkat-config realms delete -- -
}

@test "realms: an active one is not deleted or pruned without --force" {
	rkat-config realms create busy
	python3 -c 'import fcntl, signal, sys
f = open(sys.argv[1], "w")
fcntl.lockf(f, fcntl.LOCK_EX)
signal.pause()' "$RKAT_STATE_ROOT/busy/run/11111111-1111-7111-8111-111111111111.lock" 3>&- &
	holder=$!
	wait_for bash -c '[ "$(rkat-config realms list --json | jq ".[0].active")" = 1 ]'
	fails 11 "Realm 'busy' appears active (1 live lease(s)). Use --force to override." rkat-config realms delete busy
	same "$(rkat-config realms prune --older-than-hours 0)" "Prune summary: removed=0, skipped_active=1, skipped_legacy=0, leftovers=0"
	same "$(rkat-config realms delete busy --force)" "Deleted realm 'busy'"
	kill $holder; wait $holder 2>/dev/null || true
}

@test "realms: deleted again and again while turns start in it, no turn is ever cut off" {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	sim_script '{"reply":{"text":"fine"}}'
	bash -c 'while [ ! -e stop ]; do rkat-config realms delete test 2>&1 || echo "status $?"; done >deleted' 3>&- 9>&- &
	deleter=$!
	for n in $(seq 30); do
		rkat run --no-comms hi </dev/null 2>>err || echo "status $?"
	done >said
	touch stop
	wait $deleter
	same "$(sort -u said; grep ERROR err)" fine
	grep -q "^Deleted realm 'test'$" deleted
	same "$(grep -v -e "^Deleted realm 'test'$" -e "^rkat-config: SESSION_BUSY: Realm 'test' appears active " -e '^rkat-config: hint' -e '^status 11$' deleted)" ""
	rkat-config realms delete test
	same "$(ls -A "$RKAT_STATE_ROOT")" ""
}

@test "realms: prune keeps young ones, and with --isolated-only the named ones" {
	rkat-config realms create named
	env -u RKAT_REALM rkat-config --isolated set --json '{}'
	same "$(rkat-config realms prune)" "Prune summary: removed=0, skipped_active=0, skipped_legacy=0, leftovers=0"
	same "$(rkat-config realms prune --isolated-only --older-than-hours 0)" "Prune summary: removed=1, skipped_active=0, skipped_legacy=0, leftovers=0"
	same "$(rkat-config realms list --json | jq -c '[.[].realm_id]')" '["named"]'
}

@test "doctor: a fresh realm lacks a configuration, after init all is well" {
	run --separate-stderr rkat-config doctor
	same "$status" 1
	same "${lines[0]}" "warn	config	missing config at $CONFIG"
	has "$output" "warn	provider	anthropic missing ANTHROPIC_API_KEY"
	has "$output" "ok	mcp	0 configured server(s)"
	has "$stderr" "doctor found issues; review the warnings above"
	rkat-config init
	GOOGLE_API_KEY=x run rkat-config doctor
	same "$status" 0
	has "$output" "ok	provider	gemini via GOOGLE_API_KEY"
	same "${lines[-1]}" "ok	doctor	setup looks good"
	same "$(rkat-config doctor --json | jq .ok)" true
}

@test "doctor: self-hosted servers are asked what they serve" {
	rkat-config set --json '{"self_hosted":{"servers":{"gone":{"base_url":"http://127.0.0.1:1"},"odd":{"base_url":"nonsense"}}}}'
	run rkat-config doctor
	same "$status" 1
	has "$output" "warn	self_hosted	server gone unreachable at http://127.0.0.1:1/v1/models: "
	has "$output" "warn	self_hosted	server odd: base URL of odd: want http:// or https://, got nonsense"
	python3 "$BATS_TEST_DIRNAME/fake_models.py" port 3>&- &
	server=$!
	wait_for test -s port
	rkat-config set --json "{\"self_hosted\":{\"servers\":{\"s\":{\"base_url\":\"http://127.0.0.1:$(cat port)/\",\"bearer_token\":\"tok\"}},\"models\":{\"a\":{\"server\":\"s\",\"remote_model\":\"m1\"},\"b\":{\"server\":\"s\",\"remote_model\":\"m2\"}}}}"
	run rkat-config doctor
	kill $server
	same "$status" 0
	has "$output" "ok	self_hosted	server s reachable at http://127.0.0.1:$(cat port)/v1/models"
	has "$output" "ok	self_hosted	alias a -> m1 listed by s"
	has "$output" "warn	self_hosted	alias b -> m2 not listed by s"
}

@test "doctor: a broken mcp.toml and a broken configuration are failures" {
	mkdir -p .rkat
	printf '[[servers]]\nname = "a"\n[[servers]]\nname = "a"\n[[servers]]\nname = "b"\n' >.rkat/mcp.toml
	has "$(rkat-config doctor || true)" "ok	mcp	2 configured server(s)"
	echo '[[servers]' >.rkat/mcp.toml
	echo 'max_tokens = "x"' >$P
	run rkat-config doctor
	same "$status" 1
	has "$output" "warn	mcp	Parse error in $PWD/.rkat/mcp.toml: line 1, column 10: expected ']]'"
	has "$output" "max_tokens: want a whole number"
}

@test "help and version" {
	run rkat-config --help
	same "$status" 0
	has "$output" "usage: rkat-config verb"
	run rkat-config --version
	same "$status" 0
	run rkat-config get --help
	same "$status" 0
}

@test "deleting a realm also removes what a removal that died has left" {
	rkat-config realms create a
	mkdir -p "$RKAT_STATE_ROOT/.trash-0/events"
	echo x >"$RKAT_STATE_ROOT/.trash-0/events/y"
	rkat-config realms delete a
	same "$(ls -A "$RKAT_STATE_ROOT")" ""
}
