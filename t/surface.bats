# What holds for every command: help, manual, completion and manners agree.
load helper

local_setup() { TOP=$BATS_TEST_DIRNAME/..; }

# The long options that a command's --help names.
helped() { "$@" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u; }

# The long options that a page describes, but for those of later releases.
described() {
	awk '/^\.S[sh]/ { skip = /Reserved/ }
	    /^\./ && / Fl |\.Fl / && !skip {
		for (i = 1; i <= NF; i++)
			if ($i ~ /^-[a-z][a-z-]+$/) print "-" $i
	    }' "$TOP/man/$1" | sort -u
}

globals='--context-root --help --instance --isolated --realm --realm-backend --state-root --user-config-root --version'
global() { tr ' ' '\n' <<<"$globals"; }

# The verbs of a command with verbs.
verbs() { "rkat-$1" --help | sed -n 's/^  \([a-z]*\) .*/\1/p; s/^  \([a-z]*\)$/\1/p'; }

complete_in_bash() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
	    $(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")
	    printf "%s\n" "${COMPREPLY[@]}"' "$TOP/share/completions/rkat.bash" "$@"
}

@test "every option of a --help is in the manual page, and the other way round" {
	same "$(helped rkat)" "$(global)"
	same "$(described rkat.1 | comm -13 - <(helped rkat))" ""
	for c in turn session config comms serve sim; do
		same "$c: $(described "rkat-$c.1" | comm -13 - <(helped "rkat-$c"  | comm -23 - <(global)))" "$c: "
		same "$c: $(described "rkat-$c.1" | comm -23 - <({ helped "rkat-$c"; global; usage "$c"; } | sort -u))" "$c: "
	done
	same "$(described rkat-peerd.8 | grep -v comms-listen-tcp)" "$(helped rkat-peerd)"
}

# Verbs of rkat-turn are chosen by options that stand in its usage.
usage() { [ "$1" != turn ] || "rkat-$1" --help | grep -oE -- '--(drain|worker)'; }

@test "every verb has a place in the manual page and in both completions" {
	for c in session config comms; do
		for v in $(verbs $c); do
			grep -qE "^\.(It|Nm rkat-$c) ?(Ic|Cm)? ?$v|^\.It (Ic|Cm) $v" "$TOP/man/rkat-$c.1" ||
			    { echo "$v is not in rkat-$c.1"; return 1; }
			grep -qw "$v" "$TOP/share/completions/_rkat"
		done
	done
	for v in $(verbs session); do
		[ "$v" = blob ] || has " $(complete_in_bash rkat sessions '' | tr '\n' ' ')" " $v "
	done
	for v in $(rkat --help | grep '^  [a-z]' | cut -c 3-27 | grep -owE '[a-z]+'); do
		case $v in prompt | id | word | get) continue ;; esac
		has " $(complete_in_bash rkat '' | tr '\n' ' ')" " $v "
	done
}

@test "completion offers what the command takes, and nothing else" {
	sim echo
	while read -r words; do
		for option in $(complete_in_bash rkat $words --); do
			case $option in --follow | --help | --version) continue ;; esac
			run timeout 30 rkat $words "$option" </dev/null
			lacks "$words: $output" "unknown option"
			lacks "$words: $output" "is no option here"
			lacks "$words: $output" "unrecognized"
		done
	done <<-END
	run
	resume
	continue
	$(for v in $(verbs session); do echo "sessions $v"; done)
	$(for v in get set patch; do echo "config $v"; done)
	$(for v in $(verbs comms); do [ $v = trust ] || echo "comms $v"; done)
	blob
	models
	capabilities
	doctor
	init
	END
	for v in create delete prune list; do
		case $v in
		list) o=--json ;; create) o=--backend ;; *) o=--force ;;
		esac
		has "$(complete_in_bash rkat realms --)" "$o"
	done
	has "$(complete_in_bash rkat comms trust '')" remove
	has "$(complete_in_bash rkat-comms tr)" trust
	has "$(complete_in_bash rkat-comms send --wait '')" admitted
	has "$(complete_in_bash rkat-session cr)" create
	has "$(complete_in_bash rkat-sim '')" replay
	same "$(complete_in_bash rkat resume -- | grep -c -e '--tools')" 0
	same "$(complete_in_bash rkat run -t f)" full
}

@test "every option of a help is known to completion in bash and zsh" {
	same "$(complete_in_bash rkat run -- | comm -13 - <(helped rkat-turn | grep -vE -- '--(drain|worker|content|no-keep-alive)'))" ""
	same "$(complete_in_bash rkat resume -- | grep -E -- '^--no-')" "$(printf '%s\n' --no-keep-alive --no-stream)"
	for v in list create input events; do
		args=$(rkat-session --help | awk -v v=$v '/^  [a-z]/ { on = $1 == v } /^$/ { on = 0 } on')
		same "$v: $(complete_in_bash rkat sessions $v -- | sort -u | comm -13 - <(grep -oE -- '--[a-z][a-z-]+' <<<"$args" | sort -u))" "$v: "
	done
	for v in $(verbs comms); do
		args=$(rkat-comms --help | awk -v v=$v '/^  [a-z]/ { on = $1 == v } /^$/ { on = 0 } on')
		same "$v: $(complete_in_bash rkat comms $v -- | sort -u | comm -13 - <(grep -oE -- '--[a-z][a-z-]+' <<<"$args" | sort -u))" "$v: "
	done
	for c in serve rpc rest; do
		same "$c: $(complete_in_bash rkat $c -- | sort -u)" "$c: $(helped rkat-serve)"
		same "$c: $(helped "rkat-$c")" "$c: $(helped rkat-serve)"
	done
	same "$(complete_in_bash rkat peerd -- | sort -u)" "$(helped rkat-peerd)"
	for o in $({ helped rkat-turn; helped rkat-serve; helped rkat-peerd; helped rkat-sim; global; } | sort -u); do
		case $o in --drain | --worker | --content) continue ;; esac
		grep -qE -- "$o(=-)?(\\[|[,}])" "$TOP/share/completions/_rkat" ||
		    { echo "$o is not in _rkat"; return 1; }
	done
}

@test "completion runs no command of other people to ask for its options" {
	mkdir path
	printf '#!/bin/sh\ntouch ran\n' >path/rkat-mine
	chmod +x path/rkat-mine
	PATH=$PWD/path:$PATH
	has "$(complete_in_bash rkat m)" mine
	same "$(complete_in_bash rkat mine --)" ""
	[ ! -e ran ]
}

@test "every page has the sections that a reader looks for, and every word its page" {
	for p in "$TOP"/man/*; do
		for s in NAME DESCRIPTION 'SEE ALSO'; do
			grep -q "^\.Sh $s" "$p" || { echo "$p: no $s"; return 1; }
		done
	done
	for p in "$TOP"/man/*.[18]; do
		for s in SYNOPSIS 'EXIT STATUS' EXAMPLES; do
			grep -q "^\.Sh $s" "$p" || { echo "$p: no $s"; return 1; }
		done
	done
	for p in "$TOP"/man/*; do
		grep -oE 'Xr rkat[a-z-]* [0-9]' "$p" | while read -r _ name section; do
			[ -e "$TOP/man/$name.$section" ] || { echo "$p: no page $name($section)"; return 1; }
		done
	done
	mkdir path
	printf '#!/bin/sh\necho "$2"\n' >path/man
	chmod +x path/man
	for w in $(PATH=$PWD/path:$PATH complete_in_bash rkat help ''); do
		[ -r "$(PATH=$PWD/path:$PATH rkat help "$w")" ] || { echo "$w: no page"; return 1; }
	done
}

@test "help and version go to stdout, status 0, and say so when they cannot" {
	for c in rkat rkat-turn rkat-session rkat-config rkat-comms rkat-serve rkat-rpc rkat-rest rkat-peerd rkat-sim; do
		for o in --help -h --version -V; do
			run bash -c "$c $o 2>&1 >/dev/null"
			same "$c $o: $status $output" "$c $o: 0 "
			run bash -c "$c $o 2>&1 >/dev/full"
			same "$c $o: $status" "$c $o: 1"
			has "$output" "FAILED: standard output: No space left on device"
			same "${#lines[@]}" 1
		done
		has "$($c --version)" "$c "
		has "$($c --version)" "(contract "
		run bash -c "$c --help | true; echo \${PIPESTATUS[0]}"
		has "0 141" "$output"
	done
}

@test "a usage error is one line with what is wrong and how it is right, and JSON if asked" {
	while IFS='|' read -r args what; do
		run bash -c "rkat $args </dev/null"
		same "$args: $status" "$args: 2"
		same "$args: ${#lines[@]}" "$args: 1"
		has "$output" "INVALID_PARAMS: $what"
	done <<-'END'
	sessions|wrong arguments; usage: rkat-session verb
	sessions nope|unknown verb 'nope'; usage: rkat-session verb
	sessions list more|wrong arguments; usage: rkat-session list
	sessions list --nope|unknown option --nope; usage: rkat-session list
	sessions list --archived=yes|--archived: takes no value; usage
	sessions list --limit|--limit: the value is missing; usage
	sessions create -m|-m: the value is missing; usage
	sessions create -x|unknown option -x; usage
	config|wrong arguments; usage: rkat-config verb
	config get -x|unknown option -x; usage: rkat-config get
	realms show|wrong arguments; usage: rkat-config realms show id
	comms send|wrong arguments; usage: rkat-comms send
	comms event last --nope|unknown option --nope; usage: rkat-comms event
	comms trust add x y|wrong arguments; usage: rkat-comms trust add
	doctor more|wrong arguments; usage: rkat-config doctor
	run --nope x|unknown option --nope (see: rkat help run)
	--nope|want a prompt or a command behind the options; see: rkat --help
	help nope|help: no such word; see: rkat help
	config get ''|the key is empty
	sessions input --key $'\xff' last x|--key: not UTF-8 text (byte 0)
	sessions context --source $'\xff' last x|--source: not UTF-8 text (byte 0)
	--context-root /no/such run x|--context-root /no/such: no such directory
	END
	run rkat sessions list --json more
	same "$status" 2
	same "$(jq -r .error.code <<<"$output")" INVALID_PARAMS
	run rkat sessions nope --json
	same "$(jq -r .error.code <<<"$output")" INVALID_PARAMS
	same "$(ls "$RKAT_STATE_ROOT" 2>/dev/null)" ""
}

@test "a realm may stand right behind -r" {
	same "$(rkat -rhere realms current)" here
	same "$(rkat -r=here realms current)" here
	same "$(rkat realms current --realm=here)" here
}

@test "standard descriptors that are closed are not given to files" {
	rkat-sim --port 0 --ready port --log log echo <&- >&- 2>&- 3>&- &
	echo $! >"$T/sim.pid"
	wait_for test -s port
	curl -sS "http://127.0.0.1:$(cat port)/health" >/dev/null
	same "$(jq -r .path log)" /health
	rkat-session create <&- 2>&- >id
	rkat-session input "$(cat id)" hello <&- 2>&- >/dev/null
	run bash -c 'rkat-session input --json last again <&- >&-'
	same "$(rkat-session inputs last | jq -r .body.content | tr '\n' ' ')" "hello again "
	same "$(rkat-session check)" "ok: $(realm_dir)/realm.sqlite3"
}

@test "without HOME the user database tells where the user lives" {
	home=$(getent passwd "$(id -u)" | cut -d: -f6)
	same "$(env -u HOME rkat-config get storage.directory)" "$home/.rkat/sessions"
	same "$(HOME=here rkat-config get storage.directory)" "$home/.rkat/sessions"
	same "$(ls)" ""
}

# The examples of a page that need no network: between .Bd and .Ed, in their order.
examples_of() {
	awk '/^\.Sh EXAMPLES/ { on = 1; next } /^\.Sh/ { on = 0 }
	    on && /^\.Bd/ { code = 1; next } /^\.Ed/ { code = 0 }
	    on && code' "$TOP/man/$1" | sed 's/\\e/\\/g; s/\\&//g'
}

@test "the examples of rkat-session(1) run as they stand" {
	sim echo
	printf 'one\ntwo\n' >jobs.txt
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$T/ssh"
	chmod +x "$T/ssh"
	examples_of rkat-session.1 | sed 's/events --follow/events/; s/ --keep-id//; s/^rkat-turn \(.*\) &$/rkat-turn \1 >turn/' >s
	PATH=$T:$PATH timeout 60 bash -e -o pipefail s >out
	has "$(cat out)" "You said: Summarize the tests that failed"
	has "$(cat out)" '"result":"You said: two"'
	same "$(tail -1 out)" "$(rkat-session list --json | jq -r '.[].session_id' | grep -F "$(tail -1 out)")"
}

@test "the examples of rkat-comms(1) run as they stand" {
	sim script "$TOP/examples/sim/review-pipeline.jsonl"
	rkat-session create --comms-name ops >/dev/null
	rkat-session create --comms-name reviewer --keep-alive >/dev/null
	rkat-session -r far create --comms-name far-agent >/dev/null
	rkat-comms -r far trust add us "$(rkat-comms identity --json | jq -r .public_key)" uds:///none
	jq -nc --arg key "$(rkat-comms -r far identity -s far-agent --json | jq -r .public_key)" --arg address "uds://$T/far" \
	    '{kind: "external", address: $address, identity: {kind: "ed25519_public_key", public_key: $key}}' >binding.json
	rkat-peerd -r far --listen-unix "$T/far" >far.log 2>&1 3>&- &
	far=$!
	rkat-peerd >peerd.log 2>&1 3>&- &
	here=$!
	printf '{"request_id":"r%d","status":200}\n' 1 2 3 >access.jsonl
	printf '#!/bin/sh\nshift\nexec "$@"\n' >"$T/ssh"
	printf '#!/bin/sh\necho "$1"\n' >"$T/git"
	chmod +x "$T/ssh" "$T/git"
	wait_for listens "$T/far"
	wait_for test -S "$(realm_dir)/run/peerd.sock"
	examples_of rkat-comms.1 >s
	rc=0
	PATH=$T:$PATH timeout 60 bash -e -o pipefail s >out 2>err || rc=$?
	kill "$far" "$here"
	wait "$far" "$here" || :
	same "$rc $(cat err)" "0 "
	same "$(grep -c '"status":"accepted"' out)" 4
	has "$(cat out)" '"verdict": "looks right"'
	same "$(rkat-comms -r far inbox -s far-agent --json | jq -r .kind.body)" "Are you there?"
}

@test "the examples of rkat-config(1) run as they stand" {
	examples_of rkat-config.1 >s
	EDITOR=true timeout 60 bash -e -o pipefail s >out
	has "$(cat out)" gpt-5.4
	has "$(cat out)" claude
}

@test "rkat-api(5) has every method that the server lists and every route of its document" {
	printf '{"jsonrpc":"2.0","id":1,"method":"initialize"}\n' | rkat-rpc >out
	for m in $(jq -r '.result.methods[]' out) tools/register; do
		[ "$m" = initialized ] || grep -qE "^\.It Li $m( |$)" "$TOP/man/rkat-api.5" || { echo "no $m"; return 1; }
	done
	mandoc -T ascii "$TOP/man/rkat-api.5" | col -b >page
	jq -r '.paths | to_entries[] | .key as $p | .value | keys_unsorted[] | select(IN("get", "post", "put", "patch", "delete")) | (ascii_upcase + " " + $p)' "$TOP/share/openapi.json" |
	    sed 's/{[a-z]*_id}/ID/g; s/{[a-z]*}/ID/g' | sort >routes
	grep -oE '(GET|POST|PUT|PATCH|DELETE) /[^ ,]*' page | sed -E 's,/(id|input_id)(/|$),/ID\2,g; s,/(id|input_id)(/|$),/ID\2,g' | sort -u >told
	same "$(comm -3 routes told)" ""
}
