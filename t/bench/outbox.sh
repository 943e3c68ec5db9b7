# shellcheck shell=sh disable=SC2154	# part of t/bench/run, behind comms.sh
# The outbox: letters to one peer, which takes one at a time.

letters=4000
sender=$(RKAT_REALM=from rkat-comms identity --json | jq -r .public_key)
seed=$RKAT_STATE_ROOT/from/.rkat/identity/identity.key
export RKAT_REALM=to
receiver=$(rkat-comms identity --json | jq -r .public_key)
rkat-comms trust add from "$sender" tcp://127.0.0.1:9 >/dev/null
peerd
export RKAT_REALM=from
for scheme in tcp rkats; do
	rkat-comms trust add to "$receiver" "$scheme://127.0.0.1:$port" >/dev/null
	rkat-comms send to hello >/dev/null 2>&1
	# A copy under another id, so many times.
	sqlite3 "$RKAT_STATE_ROOT/from/realm.sqlite3" "
	    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $letters - 1)
	    INSERT INTO letters(id, peer, peer_key, address, json, state, next_ms, expires_ms, created_ms, changed_ms)
	    SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-' || substr(h, 21),
	        peer, peer_key, address, json, state, next_ms, expires_ms, created_ms, changed_ms
	    FROM (SELECT lower(hex(randomblob(16))) AS h FROM c), letters WHERE state = 'accepted'"
	bare=$("$B/t/bench/deliver" "$port" "$seed" "$receiver" $letters)
	a=$(date +%s%N)
	rkat-peerd --once 2>/dev/null
	t=$(awk "BEGIN { printf \"%.0f\", $letters * 1e9 / ($(date +%s%N) - $a) }")
	row "letters delivered to one peer, $scheme" "$t/s" "$bare/s" "$(ratio "$t" "$bare") of bare connect, write and ACK over TCP"
done
served
