load helper

# Everything at once that a peer should not do (t/flood.py), while a good one speaks.

background() {
	"$@" 3>&- 9>&- &
	PIDS="${PIDS-} $!"
	PID=$!
}
local_teardown() {
	local p
	for p in ${PIDS-}; do
		kill "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
}
port_in() { sed -n 's/.*tcp:.*:\([0-9]*\)$/\1/p' "$1" | head -n 1; }
key() { rkat-comms identity ${1+-s "$1"} --json | jq -r .public_key; }
memory() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }

@test "flood: who has a whole /64 of IPv6 has no more connections than who has one address" {
	unshare -Urn sh -c 'ip link set lo up && ip addr add 2001:db8::1/64 dev lo nodad' 2>/dev/null ||
	    skip "no network namespaces here"
	printf 'connections_per_address = 3\n' >limits
	cat >inside <<-'END'
		ip link set lo up
		for a in 1:1 1:2 1:3 1:4 1:5 2:1 2:2; do ip addr add "2001:db8:0:${a%:*}::${a#*:}/64" dev lo nodad; done
		: >err
		rkat-peerd --listen-tcp '[::]:0' --limits limits 2>>err &
		trap "kill $!" EXIT
		until grep -q listening err; do sleep 0.05; done
		python3 - "$(sed -n 's/.*:\([0-9]*\)$/\1/p' err)" <<-'END2'
			import select, socket, sys
			closed = set()
			def one(source):
			    s = socket.socket(socket.AF_INET6)
			    s.bind((source, 0))
			    try:
			        s.connect(("2001:db8:0:1::1", int(sys.argv[1])))
			        s.sendall(b"\0")
			    except ConnectionError:
			        closed.add(s)	# before we had said anything
			    return s
			all = [one("2001:db8:0:1::%d" % n) for n in range(1, 6)] + [one("2001:db8:0:2::%d" % n) for n in (1, 2)]
			while len(closed) < 2:
			    closed |= set(select.select([s for s in all if s not in closed], [], [], 10)[0])
			print([n for n, s in enumerate(all) if s in closed])
		END2
	END
	run timeout 60 unshare -Urn bash inside
	same "$output" "[3, 4]"
	has "$(cat err)" "refused 2001:db8:0:1::4: busy"
}

@test "flood: a good peer is served meanwhile, memory is bounded, the log stays short" {
	local port near frame before i hands
	rkat-session create --comms-name near >/dev/null
	RKAT_REALM=other rkat-session create --comms-name far >/dev/null
	background rkat-peerd --listen-tcp 127.0.0.1:0 2>"$T/near.log"
	near=$PID
	wait_for grep -q listening "$T/near.log"
	port=$(port_in "$T/near.log")
	rkat-comms trust add far "$(RKAT_REALM=other key far)" tcp://127.0.0.1:9 >/dev/null
	RKAT_REALM=other rkat-comms trust add near "$(key near)" "tcp://127.0.0.1:$port" >/dev/null
	RKAT_REALM=other background rkat-peerd 2>"$T/far.log"
	# A frame of the sheet: well signed, by nobody whom we know.
	frame=$(sed -n '/"V1"/,/false }/p' "$BATS_TEST_DIRNAME/unit/comms_vectors.h" | tr -d ' \t\n"' | grep -o '000000c5[0-9a-f]*')
	RKAT_REALM=other rkat-comms send -s far --wait delivered --timeout 20s near "before"
	before=$(memory "$near")
	background python3 "$BATS_TEST_DIRNAME/flood.py" 127.0.0.1 "$port" 120 "$frame" >"$T/flood"
	hands=$PID
	i=0
	SECONDS=0
	while kill -0 "$hands" && { [ "$i" -lt 10 ] || [ "$SECONDS" -lt 6 ]; }; do
		i=$((i + 1))
		RKAT_REALM=other rkat-comms send -s far --wait delivered --timeout 20s near "number $i" >/dev/null
	done
	kill "$hands"
	wait "$hands" || { echo "something was answered: $(cat "$T/flood")" >&2; false; }
	echo "$i good ones; $(cat "$T/flood"); $before to $(memory "$near") kB; $(wc -l <"$T/near.log") lines"
	RKAT_REALM=other rkat-comms send -s far --wait delivered --timeout 20s near "after"
	same "$(db "SELECT count(*) FROM arrivals")" $((i + 2))
	[ -n "${RKAT_SAN-}" ] || [ "$(memory "$near")" -lt $((before + 49152)) ]	# large frames have a purse of 32 MB
	[ "$(wc -l <"$T/near.log")" -lt 400 ]
}
