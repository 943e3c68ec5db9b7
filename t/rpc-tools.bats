load rpc

# Tools that the client runs: RPC sheet, tools/register and tool/execute.

def() { printf '{"name":"%s","description":"Tool: %s","input_schema":{"type":"object"}}' "$1" "$1"; }
register() { got 900 tools/register "{\"tools\":[$(def "$1")]}" >/dev/null; }	# one a test
# requested N: the server asks for a tool as srv-N; answer N RESULT.
requested() { jq -c --arg id "srv-$1" 'select(.method == "tool/execute" and .id == $id)' "$T/out" | grep .; }
request() { wait_for requested "$1" && requested "$1"; }
answer() { ask "{\"jsonrpc\":\"2.0\",\"id\":\"srv-$1\",\"result\":$2}"; }
# The model asks for these tools, when the user says "use", and repeats what they gave.
uses() {
	local calls="" n
	for n; do calls="$calls${calls:+,}{\"id\":\"c-$n\",\"name\":\"$n\",\"args\":{\"q\":9007199254740993}}"; done
	sim_script "{\"match\":{\"has_tool_result\":false,\"user\":\"use\"},\"reply\":{\"tool_calls\":[$calls]}}" \
	    '{"match":{"has_tool_result":true},"reply":{"text":"it said {{tool_result}}"}}' '{"reply":{"text":"plain"}}'
}
types() { jq -r 'select(.method == "session/event") | .params.event.payload.type' "$T/out" | grep -v text_; }
results() { rkat-session history "${1:-last}" | jq -r 'select(.role == "tool_results") | .results[] | "\(.is_error) \(.content)"'; }
# One run that uses the tool look; the reply to its tool/execute is the whole line $1.
with_answer() {
	call "$2" session/create '{"prompt":"use"}'
	request "$3" >/dev/null
	ask "$1"
	reply "$2" >/dev/null
	results | tail -n 1
}

@test "rpc-tools: tools/register counts, is not listed, answers without an id, and says what is wrong" {
	rpc
	same "$(got 1 tools/register "{\"tools\":[$(def a),$(def b),$(def a)]}" | jq -c .result)" '{"registered":3}'
	same "$(got 2 tools/register '{"tools":[]}' | jq -c .result)" '{"registered":0}'
	ask "{\"jsonrpc\":\"2.0\",\"method\":\"tools/register\",\"params\":{\"tools\":[$(def c)]}}"
	wait_for grep -qF '{"jsonrpc":"2.0","id":null,"result":{"registered":1}}' "$T/out"
	lacks "$(got 3 initialize)" tools/register
	for bad in '{}' '{"tools":{}}' '{"tools":[1]}' '{"tools":[{"name":"","description":"","input_schema":{}}]}' \
	    '{"tools":[{"name":"x","input_schema":{}}]}' '{"tools":[{"name":"x","description":"d"}]}'; do
		n=$((${n:-10} + 1))
		same "$(got $n tools/register "$bad" | jq -c '[.error.code, (.error.message | startswith("Invalid params: /tools"))]')" '[-32602,true]'
	done
	got 30 tools/register | grep -q '"Missing params"'
	# 1024 at most, in one call or in several.
	many() { jq -cn --arg p "$1" '{tools: [range(600) | {name: "\($p)\(.)", description: "d", input_schema: {}}]}'; }
	same "$(got 31 tools/register "$(many p)" | jq -c .result)" '{"registered":600}'
	same "$(got 32 tools/register "$(many p)" | jq -c .result)" '{"registered":600}'
	has "$(got 33 tools/register "$(many q)" | jq -c .error)" '{"code":-32602,"message":"Invalid params: /tools: more than 1024 tools or 4 MiB"'
	end
	[ "$S" -eq 0 ]
}

@test "rpc-tools: a registered tool is asked for as srv-0, its answer goes to the model, events in order" {
	uses look
	rpc
	register look
	call 1 session/create '{"prompt":"use"}'
	request 0 >/dev/null
	grep -qxF '{"jsonrpc":"2.0","id":"srv-0","method":"tool/execute","params":{"tool_use_id":"c-look","name":"look","arguments":{"q":9007199254740993}}}' "$T/out"
	answer 0 '{"content":"found it","is_error":false}'
	same "$(reply 1 | jq -c '.result | [.text, .tool_calls]')" '["it said found it",1]'
	same "$(types | tr '\n' ' ')" "run_started turn_started tool_call_requested tool_execution_started tool_execution_completed tool_result_received turn_started turn_completed run_completed "
	same "$(tail -n 1 "$T/out" | jq .id)" 1
	end
	[ "$S" -eq 0 ]
	[ ! -s "$T/err" ]
}

@test "rpc-tools: several calls are out at once, answered in any order, while the client calls the server" {
	uses one two three
	rpc
	got 5 tools/register "{\"tools\":[$(def one),$(def two),$(def three)]}"
	call 1 session/create '{"prompt":"use"}'
	for n in 0 1 2; do request $n; done
	same "$(got 2 session/list | jq -c '.result.sessions | [length, .[0].is_active]')" '[1,true]'
	same "$(got 3 session/create '{"prompt":"by a handler"}' | jq -r .result.text)" plain
	answer 2 '{"content":"3"}'
	answer 0 '{"content":"1"}'
	answer 1 '{"content":"2","is_error":true}'
	reply 1 >/dev/null
	same "$(results "$(reply 1 | jq -r .result.session_id)" | tr '\n' ' ')" "false 1 true 2 false 3 "
	end
}

@test "rpc-tools: what is no good answer is an error for the model" {
	uses look
	rpc
	register look
	fail='true {"error":"execution_failed","message":"Tool execution failed: '
	same "$(with_answer '{"jsonrpc":"2.0","id":"srv-0","error":{"code":-32601,"message":"Method not supported: tool/execute"}}' 10 0)" \
	    "${fail}Method not supported: tool/execute\"}"
	same "$(with_answer '{"jsonrpc":"2.0","id":"srv-1"}' 11 1)" "${fail}Callback response missing result\"}"
	n=2
	for bad in '"text"' '[]' '{"content":7}' '{"content":["x"]}' '{"is_error":"no"}'; do
		has "$(with_answer "{\"jsonrpc\":\"2.0\",\"id\":\"srv-$n\",\"result\":$bad}" $((n + 10)) $n)" "${fail}Failed to parse callback result: "
		n=$((n + 1))
	done
	same "$(with_answer '{"jsonrpc":"2.0","id":"srv-7","result":{}}' 20 7)" "false "
	same "$(with_answer '{"jsonrpc":"2.0","id":"srv-8","result":{"is_error":true}}' 21 8)" "true "
	# Answers to nothing, twice, late, or garbage disturb nobody.
	ask '{"jsonrpc":"2.0","id":"srv-8","result":{}}' '{"jsonrpc":"2.0","id":"srv-99","result":{}}' '{"jsonrpc":"2.0","id":"srv-","error":1}' \
	    '{"jsonrpc":"2.0","id":7,"result":{}}' '{"jsonrpc":"2.0","result":{}}' '{"id":"srv-9","result":{}}'
	same "$(got 22 session/create '{"prompt":"hi"}' | jq -r .result.text)" plain
	end
	[ "$S" -eq 0 ]
}

@test "rpc-tools: a call without an answer is an error after its limit; the late answer is ignored" {
	uses look
	rkat-config patch '{"tools":{"tool_timeouts":{"look":150}}}' >/dev/null
	rpc
	register look
	got 1 session/create '{"prompt":"use"}' >/dev/null
	same "$(results)" "true {\"error\":\"execution_failed\",\"message\":\"Tool execution failed: Callback tool 'look' timed out after 150ms\"}"
	same "$(jq -c 'select(.params.event.payload.type == "tool_execution_completed") | .params.event.payload.is_error' "$T/out")" true
	answer 0 '{"content":"late"}'
	same "$(got 2 session/create '{"prompt":"hi"}' | jq -r .result.text)" plain
	end
}

@test "rpc-tools: arguments that are no object ask nobody" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"look","args":"[1]"},{"id":"b","name":"look","args":"{\"x\":"}]}}' '{"reply":{"text":"ok"}}'
	rpc
	register look
	same "$(got 1 session/create '{"prompt":"x"}' | jq -r .result.text)" ok
	same "$(results | grep -c '^true {"error":"invalid_arguments"')" 2
	lacks "$(cat "$T/out")" tool/execute
	end
}

@test "rpc-tools: the end of the client's input closes the channel; the run goes on" {
	uses look
	rpc
	register look
	call 1 session/create '{"prompt":"use"}'
	request 0
	end
	[ "$S" -eq 0 ]
	has "$(reply 1 | jq -r .result.text)" "Callback channel closed"
}

@test "rpc-tools: a client that hangs up ends its run; others are served" {
	uses look
	rkat-serve --unix "$T/s" >"$T/serve" 2>&1 3>&- &
	R=$!
	wait_for listens "$T/s"
	python3 - "$T/s" "$(def look)" <<'PY'
import json, socket, sys
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s.makefile("rw")
def send(f, **m):
    f.write(json.dumps({"jsonrpc": "2.0", **m}) + "\n"); f.flush()
def until(f, **want):
    for line in f:
        m = json.loads(line)
        if all(m.get(k) == v for k, v in want.items()): return m
a, b = connect(), connect()
send(a, id=1, method="tools/register", params={"tools": [json.loads(sys.argv[2])]}); until(a, id=1)
send(a, id=2, method="session/create", params={"prompt": "use"})
n = until(a, method="tool/execute")["id"]
# Another client's answer is not taken, and it has none of the tools.
send(b, id=n, result={"content": "forged"})
send(b, id=3, method="session/create", params={"prompt": "hi"})
assert until(b, id=3)["result"]["text"] == "plain"
a.close()
send(b, id=4, method="session/create", params={"prompt": "hi"})
assert until(b, id=4)["result"]["text"] == "plain"
PY
	all_ended() { [ "$(db "SELECT count(*) FROM runs WHERE state = 'running'")" -eq 0 ]; }
	wait_for all_ended
	lacks "$(cat "$(realm_dir)"/events/*)" forged
	kill "$R"
}

@test "rpc-tools: what is registered during a run is seen by its next model call" {
	uses look
	rpc
	register look
	call 1 session/create '{"prompt":"use"}'
	request 0
	got 2 tools/register "{\"tools\":[$(def more)]}"
	answer 0 '{"content":"x"}'
	ID=$(reply 1 | jq -r .result.session_id)
	changed() { jq -c 'select(.params.event.payload.type == "tool_config_changed") | .params.event.payload.payload' "$T/out"; }
	same "$(changed)" '{"operation":"add","target":"callback:more","status":"applied","persisted":true,"applied_at_turn":1}'
	got 3 tools/register "{\"tools\":[$(def third)]}"
	got 4 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"hi\"}"
	same "$(changed | tail -n 1 | jq -r '.target, .applied_at_turn' | tr '\n' ' ')" "callback:third 0 "
	same "$(jq -c '[.body.tools[].name | select(. == ("look", "more", "third"))]' "$T/sim.log" | tr '\n' ' ')" '["look"] ["look","more"] ["look","more","third"] '
	end
}

@test "rpc-tools: a queued turn knows what was registered while it waited" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"ab","chunk":1,"hang_after":4}}' '{"reply":{"text":"plain"}}'
	rpc --workers 1
	new hi
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	call 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"next\"}"
	call 3 session/create '{"prompt":"other"}'
	register look
	ask '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":1}}'
	reply 2 >/dev/null
	reply 3 >/dev/null
	same "$(jq -c '[.body.tools[].name | select(. == "look")]' "$T/sim.log" | tr '\n' ' ')" '[] [] ["look"] ["look"] '
	end
}

@test "rpc-tools: a session's own tools win over registered ones, once each, and stay with it" {
	uses own
	rpc
	got 1 tools/register "{\"tools\":[$(def reg),$(def own)]}"
	call 2 session/create '{"prompt":"use","external_tools":[{"name":"own","description":"mine","input_schema":{"type":"object"},"provenance":{"kind":"mcp","source_id":"x"}}]}'
	request 0
	answer 0 '{"content":"yes"}'
	ID=$(reply 2 | jq -r .result.session_id)
	same "$(jq -c '[.body.tools[] | select(.name == ("own", "reg")) | [.name, .description]]' "$T/sim.log" | head -n 1)" '[["own","mine"],["reg","Tool: reg"]]'
	has "$(got 3 session/create '{"prompt":"x","external_tools":[{"name":"t"}]}' | jq -r .error.message)" "Invalid params: /external_tools/0/description: want a string"
	end
}

@test "rpc-tools: without somebody who has it a session's tool waits; who has it goes on" {
	uses own
	rpc
	got 1 session/create "{\"prompt\":\"first\",\"initial_turn\":\"deferred\",\"external_tools\":[$(def own)]}" >/dev/null
	ID=$(reply 1 | jq -r .result.session_id)
	end
	rpc
	got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"use\"}"
	has "$(cat "$T/out")" "\"error\":{\"code\":-32603,\"message\":\"callback pending for tool 'own'\",\"data\":{\"session_id\":\"$ID\",\"resumable\":true,\"tool_name\":\"own\",\"args\":{\"q\":9007199254740993,\"tool_use_id\":\"c-own\"}}}"
	same "$(types | tail -n 2 | tr '\n' ' ')" "interaction_callback_pending run_failed "
	lacks "$(cat "$T/out")" tool/execute
	register own
	call 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"go on\"}"
	request 0
	answer 0 '{"content":"done"}'
	same "$(reply 3 | jq -c '.result.turns')" 1
	same "$(results "$ID")" "false done"
	same "$(rkat-session history "$ID" | jq -r .role | tr '\n' ' ')" "system user block_assistant tool_results user block_assistant "
	end
}

@test "rpc-tools: who made the session runs its tools, also in a first turn that came later" {
	uses own
	rpc
	got 1 session/create "{\"prompt\":\"a\",\"initial_turn\":\"deferred\",\"external_tools\":[$(def own)]}" >/dev/null
	ID=$(reply 1 | jq -r .result.session_id)
	call 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"use\"}"
	request 0
	answer 0 '{"content":"mine"}'
	same "$(reply 2 | jq -r .result.text)" "it said mine"
	# And for what comes from outside.
	got 3 session/external_event "{\"session_id\":\"$ID\",\"payload\":\"use\"}" >/dev/null
	request 1
	answer 1 '{"content":"again"}'
	wait_for grep -q 'it said again' "$(realm_dir)/events/$ID.jsonl"
	end
}

@test "rpc-tools: an interrupt during a call ends the turn; the next works" {
	uses look
	rpc
	register look
	call 1 session/create '{"prompt":"hi","initial_turn":"deferred"}'
	ID=$(reply 1 | jq -r .result.session_id)
	call 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"use\"}"
	request 0
	got 3 turn/interrupt "{\"session_id\":\"$ID\"}"
	same "$(reply 2 | jq .error.code)" -32005
	answer 0 '{"content":"too late"}'
	same "$(got 4 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"hi\"}" | jq -r .result.text)" plain
	end
}

@test "rpc-tools: over HTTP nobody runs a session's own tool: 500 CALLBACK_PENDING, then a client goes on" {
	uses own
	rpc
	got 1 session/create "{\"prompt\":\"a\",\"initial_turn\":\"deferred\",\"external_tools\":[$(def own)]}" >/dev/null
	ID=$(reply 1 | jq -r .result.session_id)
	end
	rkat-serve --rest-unix "$T/http" --unix "$T/s" >"$T/serve" 2>&1 3>&- &
	R=$!
	wait_for listens "$T/http"
	wait_for listens "$T/s"
	curl -s --unix-socket "$T/http" -H 'Content-Type: application/json' -d "{\"session_id\":\"$ID\",\"prompt\":\"use\"}" \
	    -w '\n%{http_code}' "http://localhost/sessions/$ID/messages" >"$T/reply"
	same "$(tail -n 1 "$T/reply")" 500
	same "$(head -n 1 "$T/reply" | jq -c '[.error, .code, .details.resumable, .details.session_id, .details.tool_name, .details.args.tool_use_id]')" \
	    "[\"callback pending for tool 'own'\",\"CALLBACK_PENDING\",true,\"$ID\",\"own\",\"c-own\"]"
	python3 - "$T/s" "$(def own)" "$ID" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
def send(**m):
    f.write(json.dumps({"jsonrpc": "2.0", **m}) + "\n"); f.flush()
send(id=1, method="tools/register", params={"tools": [json.loads(sys.argv[2])]})
send(id=2, method="turn/start", params={"session_id": sys.argv[3], "prompt": "go on"})
for line in f:
    m = json.loads(line)
    if m.get("method") == "tool/execute":
        send(id=m["id"], result={"content": "here"})
    if m.get("id") == 2: break
assert m["result"]["turns"] == 1, m
PY
	same "$(results "$ID")" "false here"
}
