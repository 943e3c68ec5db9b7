#!/bin/sh
# What happens outside, told to an agent by cron and scripts: on disk when it is
# answered, in once whatever is tried again, taken up by the agent's next turn.  A line
# of a crontab would be:
#	*/10 * * * * df --output=pcent,target | jq -Rsc . |
#	    rkat-comms event --source cron --type disk --key "disk-$(date +\%F)" ops
set -eu
rkat-session create --comms-name ops >/dev/null
tell() {	# tell TYPE KEY JSON: 0 it is in, 13 it was, else it was refused
	status=0
	rkat-comms event --source cron --type "$1" --key "$1-$2" ops "$3" >/dev/null || status=$?
	echo "$1 $2: $status"
}
tell disk 2026-11-21 '{"host":"db1","/var":"97%"}'
tell disk 2026-11-21 '{"host":"db1","/var":"98%"}'
tell backup 2026-11-21 '{"host":"db1","ok":true}'

# A log with hundreds of lines costs a commit for each 64 of them.
seq 300 | jq -c '{type: "login", key: "login-\(.)", payload: {user: "u\(.)"}}' |
	rkat-comms event --lines --source sshd ops | jq -r .status | uniq -c | tr -s ' '

# One turn sees them all.  Of a resident session rkat-peerd would start it.
rkat-turn --drain ops | jq -r 'select(.payload.type == "run_completed").payload.result'
#> disk 2026-11-21: 0
#> disk 2026-11-21: 13
#> backup 2026-11-21: 0
#>  300 accepted
#> The backup went well, but /var on db1 is nearly full.
