load helper

# The protocol under the REST surface: framing, limits, who may come in, operations.

TOKEN=0123456789abcdef0123

# serve [ARGS]: rkat-serve with HTTP on a free port, $P.
serve() {
	: >"$T/err"	# of one before
	"${SERVE:-rkat-serve}" --rest=127.0.0.1:0 "$@" >"$T/out" 2>"$T/err" </dev/null 3>&- 9>&- &
	R=$!
	wait_for grep -q 'listening on http://127.0.0.1:' "$T/err" || { cat "$T/err" >&2; return 1; }
	P=$(sed -n 's|.*listening on http://127.0.0.1:||p' "$T/err")
	U=http://127.0.0.1:$P
}
# Unrecorded: what is no HTTP cannot be matched with its answers.
local_setup() { PATH=${PATH#*/spied:}; }
local_teardown() { { kill "$R"; wait "$R"; } 2>/dev/null || :; }
raw() { python3 "$BATS_TEST_DIRNAME/http_raw.py" raw "$P" "$@"; }
stop() { S=0; kill -"${1:-TERM}" "$R"; wait "$R" || S=$?; }
# statuses of the answers in a raw exchange, in order
statuses() { sed -n 's|^.*HTTP/1.1 \([0-9]*\) .*|\1|p' | tr '\n' ' '; }
# refused STATUS PART...: this answer, its end, and the server goes on
refused() {
	local want=$1 got
	shift
	got=$(raw "$@")
	same "$(statuses <<<"$got")" "$want " || { echo "for: $*" >&2; return 1; }
	has "$got" "connection: close"
	lacks "$got" "<open>"
	same "$(curl -s "$U/health")" ok
}
metric() { curl -s "$U/metrics" | sed -n "s/^rkat_$1 //p"; }
metric_is() { same "$(metric "$1")" "$2" 2>/dev/null; }

@test "http: health, an unknown path, a wrong method, HEAD, a preflight" {
	serve
	same "$(curl -s "$U/health")" ok
	same "$(curl -s -o "$T/body" -w '%{http_code} %{size_download} %{content_type}' "$U/health/")" "404 0 "
	run curl -si -X POST "$U/health"
	has "$output" "405 Method Not Allowed"
	has "$output" "allow: GET,HEAD"
	run curl -sI "$U/health"
	has "$output" "content-length: 2"
	same "$(raw 'HEAD /health HTTP/1.0\r\n\r\n' | tail -n 1)" ""
	run curl -si -X OPTIONS "$U/whatever"
	has "$output" "200 OK"
	has "$output" "access-control-allow-methods: *"
	has "$output" "access-control-allow-headers: *"
	has "$output" "content-length: 0"
	same "$(curl -s "$U/healthz") $(curl -s "$U/readyz")" "ok ok"
	stop
	[ "$S" -eq 0 ]
}

@test "http: pipelined requests are answered in order, however they are cut" {
	serve
	run raw 'GET /health HTTP/1.1\r\nHost: a.localhost\r\n\r\nGET /nope HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
	same "$(statuses <<<"$output")" "200 404 200 "
	lacks "$output" "<"
	run raw 'GET /hea' '!20' 'lth HTTP/1.1\r' '!20' '\nHost: local' '!20' 'host\r\n\r' '!20' '\nGET /health HTTP/1.0\r\n\r\n'
	same "$(statuses <<<"$output")" "200 200 "
	# An empty line in front is nothing; what stands behind a close is not looked at.
	same "$(raw '\r\n\r\nGET /health HTTP/1.0\r\n\r\nGET /health HTTP/1.0\r\n\r\n' | statuses)" "200 "
	same "$(raw 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' '!shut' | statuses)" "200 "
}

@test "http: HTTP/1.0 is answered and closed, or kept alive if it asks" {
	serve
	run raw 'GET /health HTTP/1.0\r\n\r\n'
	has "$output" "connection: close"
	lacks "$output" "<open>"
	run raw 'GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n' '!get' 'GET /health HTTP/1.0\r\n\r\n'
	same "$(statuses <<<"$output")" "200 200 "
	has "$output" "connection: keep-alive"
}

@test "http: what two readers could read in two ways is refused, and closed" {
	serve
	h='Host: localhost\r\n'
	for head in "$h"'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n' "$h"'Content-Length: 5\r\nContent-Length: 6\r\n' \
	    "$h"'Content-Length: 1,1\r\n' "$h"'Transfer-Encoding: xchunked\r\n' "$h"'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n' \
	    "$h"'X: 1\r\n two\r\n' "$h"'X : 1\r\n' "$h"'X\r\n' "$h$h" '' 'Host: \r\n'; do
		refused 400 'POST /health HTTP/1.1\r\n'"$head"'\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'
	done
	refused 400 'GET /health HTTP/1.1\nHost: localhost\n\n'
	refused 400 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n'
	refused 400 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\x7fb\r\n\r\n'
	refused 400 'GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n'
	refused 400 '\x16\x03\x01\x02\x00\x01\x00'
	refused 400 'nonsense\r\n\r\n'
	refused 400 'GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n'
	refused 505 'GET /health HTTP/3.0\r\nHost: localhost\r\n\r\n'
	refused 417 'GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: the-worst\r\n\r\n'
	same "$(raw 'GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' | statuses)" "200 "
	[ "$(metric http_refused_total)" -ge 17 ]
}

@test "http: heads that are too large are refused" {
	serve
	refused 431 "GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nX: $(head -c 70000 /dev/zero | tr '\0' x)"
	refused 414 "GET /$(head -c 9000 /dev/zero | tr '\0' x) HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
	refused 431 "GET / HTTP/1.1\\r\\nHost: localhost\\r\\n$(seq 200 | sed 's/.*/X&: 1\\r\\n/' | tr -d '\n')\\r\\n"
}

# patch BODY [HEADER...]: a PATCH of the config, with its body in whatever shape
patch() {
	local body=$1
	shift
	raw "PATCH /config HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n$(printf '%s\\r\\n' "$@")\\r\\n$body"
}

@test "http: bodies by length and in chunks; malformed ones, wrong types, too large ones" {
	printf 'body_bytes = 2000\n' >"$T/limits"
	serve --limits "$T/limits"
	json='Content-Type: application/json'
	chunked='Transfer-Encoding: chunked'
	same "$(patch '{}' "$json" 'Content-Length: 2' | statuses)" "200 "
	same "$(patch '1;a=b\r\n{\r\n001\r\n}\r\n0\r\nTrailer: x\r\n\r\n' "$json" "$chunked" | statuses)" "200 "
	run patch '{"a":' 'Content-Type: application/merge-patch+json; charset=utf-8' 'Content-Length: 5'
	same "$(statuses <<<"$output")" "400 "
	has "$output" "content-type: text/plain"
	has "$output" "Failed to parse the request body as JSON: "
	same "$(patch '' "$json" 'Content-Length: 0' | statuses)" "400 "
	run patch '{}' 'Content-Type: text/plain' 'Content-Length: 2'
	same "$(statuses <<<"$output")$(tail -n 1 <<<"$output")" '415 Expected request with `Content-Type: application/json`'
	run patch '' "$json" 'Content-Length: 2001'
	same "$(statuses <<<"$output")$(tail -n 1 <<<"$output")" "413 Failed to buffer the request body: length limit exceeded"
	run patch "7d1\\r\\n" "$json" "$chunked"
	same "$(statuses <<<"$output")$(tail -n 1 <<<"$output")" "413 Failed to buffer the request body: length limit exceeded"
	for body in 'x\r\n' '\r\n' '2\n{}\n0\n\n' '2\r\n{}X' 'fffffffffffffffff\r\n' '-1\r\n' '2\r\n{}\r\n0\r\nX\x00\r\n\r\n'; do
		run patch "$body" "$json" "$chunked"
		same "$(statuses <<<"$output")$(tail -n 1 <<<"$output")" "400 malformed chunk"
	done
	same "$(curl -s "$U/health")" ok
}

@test "http: 100-continue is said when the body is wanted, not when it is not" {
	serve
	run raw 'PATCH /config HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n' '!get' '{}'
	same "$(statuses <<<"$output")" "100 200 "
	run raw 'PATCH /config HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n' '!get'
	same "$(statuses <<<"$output")" "415 "
	has "$output" "connection: close"
}

@test "http: requests and streams over their limits get 503, the others go on" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"ab","chunk":1,"chunk_delay_ms":60000}}' '{"reply":{"text":"fine"}}'
	printf 'in_flight = 1\nsubscribers = 1\n' >"$T/limits"
	serve --limits "$T/limits"
	json='Content-Type: application/json'
	ID=$(curl -s -d '{"prompt":"hi"}' -H "$json" "$U/sessions" | jq -r .session_id)
	curl -s -d '{"prompt":"slow"}' -H "$json" "$U/sessions" >"$T/slow" 3>&- &
	wait_for grep -q slow "$T/sim.log"
	run curl -si "$U/sessions"
	has "$output" "503 Service Unavailable"
	has "$output" '"code":"SERVICE_UNAVAILABLE"'
	has "$output" "retry-after: 1"
	same "$(curl -s "$U/health")" ok
	kill $!
	wait_for curl -sf "$U/sessions"
	curl -sN "$U/sessions/$ID/events" >"$T/sse" 3>&- &
	wait_for test -s "$T/sse"
	run curl -si "$U/sessions/$ID/events"
	has "$output" "503 Service Unavailable"
	kill $!
	wait_for metric_is http_subscribers 0
}

@test "http: who is slow with a request is told, who says nothing is closed" {
	printf 'stall_seconds = 1\nidle_seconds = 1\n' >"$T/limits"
	serve --limits "$T/limits"
	refused 408 'GET /health HTTP/1.1\r\nHost: loc' '!400' 'al' '!400' 'host' '!400' '\r\nX' '!400' ': y'
	refused 408 'GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc' '!1500' 'd'
	same "$(raw)" ""
	same "$(raw 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' | statuses)" "200 "
	wait_for metric_is http_connections 1
}

@test "http: a Host that is not ours is refused: a name that somebody rebound" {
	serve --allow-host agents.example
	for host in evil.example 127.0.0.1.evil.example localhost.evil.example '[::2]' 10.1.2.3 localhost:80:90 'localhost@evil.example' 'a b'; do
		run curl -s -w ' %{http_code}' -H "Host: $host" "$U/health"
		has "$output" '"code":"HOST_NOT_ALLOWED"} 403'
	done
	for host in localhost LOCALHOST:1 x.localhost 127.8.8.8 '[::1]:80' agents.example AGENTS.example:8080; do
		same "$(curl -s -H "Host: $host" "$U/health")" ok
	done
}

@test "http: pages of other Origins may not call; those that may get the CORS headers" {
	serve --allow-origin https://ui.example
	for origin in https://evil.example null http://localhost.evil.example file:// http://ui.example; do
		run curl -s -i -H "Origin: $origin" "$U/health"
		has "$output" "403 Forbidden"
		has "$output" '"code":"ORIGIN_NOT_ALLOWED"'
		lacks "$output" "access-control-allow"
		same "$(curl -s -o /dev/null -w '%{http_code}' -X OPTIONS -H "Origin: $origin" "$U/health")" 403
	done
	for origin in https://ui.example http://localhost:3000 https://127.0.0.1 'http://[::1]:5'; do
		run curl -s -i -H "Origin: $origin" "$U/health"
		has "$output" "200 OK"
		has "$output" "access-control-allow-origin: *"
		has "$output" "vary: origin"
	done
	lacks "$(curl -si "$U/health")" access-control-allow
}

@test "http: with a token file everything but health needs a token" {
	(umask 077; printf '# ours\n%s\n' "$TOKEN" >"$T/token")
	serve --token-file "$T/token"
	same "$(curl -s "$U/health") $(curl -s "$U/readyz")" "ok ok"
	run curl -si "$U/metrics"
	has "$output" "401 Unauthorized"
	has "$output" "www-authenticate: Bearer"
	has "$output" '"code":"UNAUTHORIZED"'
	same "$(curl -s -o /dev/null -w '%{http_code}' "$U/nope")" 401
	for header in "Bearer ${TOKEN}x" "Bearer ${TOKEN%?}" "Basic $TOKEN" "$TOKEN"; do
		same "$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: $header" "$U/metrics")" 401
	done
	has "$(curl -s -H "Authorization: Bearer $TOKEN" "$U/metrics")" rkat_uptime_seconds
	lacks "$(cat "$T/err")" "$TOKEN"
}

@test "http: SIGHUP reads tokens and limits again; a bad file changes nothing" {
	(umask 077; echo "$TOKEN" >"$T/token")
	printf 'connections = 7\n' >"$T/limits"
	serve --token-file "$T/token" --limits "$T/limits" --access-log "$T/log"
	code() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" "$U/metrics"; }
	is() { [ "$(code "$1")" = "$2" ]; }
	same "$(code "$TOKEN")" 200
	echo "another-token-of-ours" >"$T/token"
	mv "$T/log" "$T/log.old"
	kill -HUP "$R"
	wait_for is another-token-of-ours 200
	same "$(code "$TOKEN")" 401
	wait_for test -s "$T/log"	# rotated
	echo short >"$T/token"
	kill -HUP "$R"
	wait_for grep -q 'reload: ' "$T/err"
	same "$(code another-token-of-ours)" 200
	echo "another-token-of-ours" >"$T/token"
	echo 'conections = 7' >"$T/limits"
	kill -HUP "$R"
	wait_for grep -q "unknown limit 'conections'" "$T/err"
	same "$(code another-token-of-ours)" 200
}

@test "http: more connections than the limit wait until one is free" {
	printf 'connections = 2\n' >"$T/limits"
	serve --limits "$T/limits"
	exec 7<>"/dev/tcp/127.0.0.1/$P" 8<>"/dev/tcp/127.0.0.1/$P"
	run curl -s --max-time 0.5 "$U/health"
	[ "$status" -eq 28 ]
	exec 7>&-
	same "$(curl -s --max-time 30 "$U/health")" ok
	exec 8>&-
}

@test "http: the access log has one line for each request, without queries and tokens" {
	(umask 077; echo "$TOKEN" >"$T/token")
	serve --token-file "$T/token" --access-log "$T/log"
	curl -s -H "Authorization: Bearer $TOKEN" -H 'X-Meerkat-Request-Id: r-1' "$U/metrics?key=hidden-thing" >/dev/null
	curl -s "$U/a%22b" >/dev/null
	raw 'bad\r\n\r\n' >/dev/null
	wait_for eval '[ "$(wc -l <"$T/log")" -eq 3 ]'
	same "$(jq -c '[.method, .path, .status, .request_id]' "$T/log" | tr '\n' ' ')" \
	    '["GET","/metrics",200,"r-1"] ["GET","/a%22b",401,null] [null,null,400,null] '
	jq -e '(.time | test("^20.*Z$")) and (.remote | startswith("127.0.0.1:")) and .bytes > 0 and .ms >= 0' "$T/log"
	lacks "$(cat "$T/log")" "$TOKEN"
	lacks "$(cat "$T/log")" hidden
	same "$(stat -c %a "$T/log")" 600
}

@test "http: a Unix socket serves as well and is removed" {
	SERVE=rkat-rest serve --rest-unix "$T/s"
	same "$(curl -s --unix-socket "$T/s" http://localhost/health)" ok
	same "$(stat -c %a "$T/s")" 600
	has "$(cat "$T/err")" "rkat-rest listening on unix:$T/s"
	stop
	[ ! -e "$T/s" ]
	[ "$S" -eq 0 ]
}

@test "http: rkat-rest listens where the configuration says, a word on stderr tells it" {
	mkdir -p "$HOME/.rkat"
	printf '[rest]\nhost = "localhost"\nport = 0\n' >"$HOME/.rkat/config.toml"
	rkat-rest 2>"$T/err" </dev/null 3>&- &
	R=$!
	wait_for grep -q '^rkat-rest listening on http://127.0.0.1:[1-9]' "$T/err"
	P=$(sed -n 's|.*http://127.0.0.1:||p' "$T/err")
	same "$(curl -s "http://127.0.0.1:$P/health")" ok
}

@test "http: beyond loopback only with --allow-remote and a token file" {
	for where in --rest=0.0.0.0:0 '--rest=[::]:0' --tcp=0.0.0.0:0; do
		run rkat-serve "$where"
		same "$status" 2
		has "$output" "need --allow-remote and --token-file"
		run rkat-serve "$where" --allow-remote
		same "$status" 2
		has "$output" "--token-file"
	done
	printf '%s\n' "$TOKEN" >"$T/token"
	chmod 644 "$T/token"
	run rkat-serve --rest=0.0.0.0:0 --allow-remote --token-file "$T/token"
	same "$status" 2
	has "$output" "others may read or write it"
	lacks "$output" "$TOKEN"
}

@test "http: bad options, addresses and limits are one clear error" {
	for args in --rest=nonsense --rest-unix= --workers=0 --limits=/nowhere --nope word; do
		run timeout 20 rkat-serve $args
		[ "$status" -ne 0 ]
		[ "$status" -ne 124 ]
		has "${lines[0]}" rkat-serve
	done
	echo 'body_bytes = 1' >"$T/limits"
	run rkat-serve --rest=127.0.0.1:0 --limits "$T/limits"
	same "$status" 2
	has "$output" "body_bytes: want a whole number from 1024"
	has "$(rkat-serve --help)" "--allow-remote"
}

@test "http: JSON-RPC sockets and HTTP live in one process; one signal ends both" {
	serve --tcp 127.0.0.1:0 --unix "$T/s"
	N=$(sed -n 's|.*listening on tcp://127.0.0.1:||p' "$T/err")
	exec 8<>"/dev/tcp/127.0.0.1/$N"
	echo '{"jsonrpc":"2.0","id":1,"method":"initialize"}' >&8
	read -r -t 30 line <&8
	has "$line" meerkat-rpc
	same "$(curl -s "$U/health")" ok
	stop
	[ "$S" -eq 0 ]
	[ ! -e "$T/s" ]
	exec 8>&-
}

@test "http: with a token file JSON-RPC clients of sockets show a token first" {
	(umask 077; echo "$TOKEN" >"$T/token")
	serve --tcp 127.0.0.1:0 --token-file "$T/token"
	P=$(sed -n 's|.*listening on tcp://127.0.0.1:||p' "$T/err")
	first() { raw "$1"'\n' '!shut'; }
	for line in '{"jsonrpc":"2.0","id":7,"method":"session/list"}' '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}' \
	    '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"token":7}}'; do
		same "$(first "$line" | jq -c '[.id, .error.code, (.error.message | startswith("UNAUTHORIZED: "))]')" '[7,-32602,true]'
	done
	same "$(first '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"token":"wrong-wrong-wrong"}}' | jq -r .error.message)" \
	    "UNAUTHORIZED: this token is not known"
	same "$(raw 'x\n{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"token":"'$TOKEN'"}}\n' | jq -c '[.id, .error.code]')" '[null,-32602]'
	same "$(raw '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"token":"'$TOKEN'"}}\n{"jsonrpc":"2.0","id":2,"method":"session/list"}\n' '!shut' |
	    jq -c '[.id, .error]' | tr '\n' ' ')" '[1,null] [2,null] '
}

@test "http: a service manager's sockets are used, and it is told what happens" {
	local kind
	for kind in '' 1; do
		rm -rf "$T/m"
		mkdir "$T/m"
		ABSTRACT=$kind python3 "$BATS_TEST_DIRNAME/http_raw.py" manager "$T/m" rkat-serve >"$T/out" 2>"$T/err" </dev/null 3>&- &
		R=$!
		wait_for grep -q READY=1 "$T/m/notify"
		same "$(curl -s "http://127.0.0.1:$(cat "$T/m/rest")/health")" ok
		P=$(cat "$T/m/rpc")
		has "$(raw '{"jsonrpc":"2.0","id":1,"method":"initialize"}\n' '!shut')" meerkat-rpc
		kill -HUP "$R"
		wait_for grep -q RELOADING=1 "$T/m/notify"
		stop
		[ "$S" -eq 0 ]
		same "$(tr '\n' ' ' <"$T/m/notify")" "READY=1 RELOADING=1 READY=1 STOPPING=1 "
	done
	rm -rf "$T/m"
	mkdir "$T/m"
	NAMES=rest:what run python3 "$BATS_TEST_DIRNAME/http_raw.py" manager "$T/m" rkat-serve
	same "$status" 2
	has "$output" "LISTEN_FDNAMES: want rest or rpc, got 'what'"
}

@test "http: metrics are in the text format and count what happens" {
	serve
	curl -s "$U/nope" >/dev/null
	run curl -s "$U/metrics"
	has "$output" 'rkat_http_responses_total{class="4xx"} 1'
	has "$output" 'rkat_http_connections 1'
	[ "$(metric resident_bytes)" -gt 1000000 ]
	# Every line is a comment or a name and a number.
	same "$(curl -s "$U/metrics" | grep -Evc '^# (HELP|TYPE) rkat_[a-z_]+ .+|^rkat_[a-z_]+(\{class="[1-5]xx"\})? [0-9]+$')" 0
}

@test "http: a stop closes idle connections at once and exits 0" {
	serve
	exec 8<>"/dev/tcp/127.0.0.1/$P"
	printf 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' >&8
	read -r -t 30 line <&8
	has "$line" "200 OK"
	before=$(date +%s%N)
	stop
	[ "$S" -eq 0 ]
	[ $((($(date +%s%N) - before) / 1000000)) -lt "$(within 2000)" ]
	exec 8>&-
}

@test "http: a client that has sent all and only listens gets its answer" {
	sim_script '{"reply":{"text":"late","chunk_delay_ms":300}}'
	serve
	run python3 - "${U##*:}" <<-'PY'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	body = b'{"prompt":"hi"}'
	s.sendall(b"POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
	s.shutdown(socket.SHUT_WR)
	got = b""
	while chunk := s.recv(65536):
	    got += chunk
	print(got.decode())
	PY
	has "$output" "HTTP/1.1 200 OK"
	has "$output" '"text":"late"'
}

@test "http: a port beyond 65535 is refused, not cut down to 16 bits" {
	for at in 127.0.0.1:65536 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1: 127.0.0.1:4294967376; do
		for flag in --rest --tcp; do
			S=0
			timeout 20 rkat-serve "$flag=$at" 2>"$T/err" || S=$?
			same "$S" 2
			has "$(cat "$T/err")" 'want an address and a port'
		done
	done
}
