# bash completion of rkat                                        -*- sh -*-
# Options are read from --help: what a command names there is what is offered.

# The words in front of the cursor that are neither option nor value of one.
_rkat_words() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-r | --realm | --instance | --realm-backend | --state-root | --context-root | --user-config-root)
			((i++)) ;;
		-*) ;;
		*) echo "${COMP_WORDS[i]}" ;;
		esac
	done
}

# The options of the verb $2 (or "") of the command $1.
_rkat_options() {
	rkat "$1" --help 2>/dev/null | awk -v verb="$2" '
		/^[^ ].*:$/ { on = /every/ || verb != "" && index($0, " " verb); all = 1 }
		/^  [a-z]/  { on = $1 == verb }
		/^  -/ && !all || on' | grep -oE -- '--[a-z][a-z-]+'
}

_rkat_sessions() {
	echo last
	rkat sessions list --json 2>/dev/null |
		grep -o '"session_id": *"[^"]*"' | cut -d'"' -f4
}

# What may be the value of the option $1.
_rkat_values() {
	case $1 in
	-p | --provider) echo anthropic openai gemini self-hosted ;;
	-t | --tools) echo safe workspace full none ;;
	-o | --output) echo text json ;;
	-w | --stream-view) echo primary mux focus ;;
	--kind) echo peer_message peer_request peer_response peer_lifecycle input ;;
	--wait) echo accepted delivered admitted answered ;;
	--state) echo accepted delivered admitted answered expired refused ;;
	--status) echo accepted completed failed ;;
	--sandbox) echo off workspace strict ;;
	--stdin) echo auto blob lines off ;;
	--line-format) echo text json ;;
	--mode) echo queue steer ;;
	--backend | --realm-backend) echo sqlite ;;
	--format) [ "$2" = config ] && echo toml json ||
		echo anthropic openai chat gemini ;;
	-s | --session) [ "$2" = comms ] || return 1; _rkat_sessions ;;
	-r | --realm) rkat realms list 2>/dev/null | awk 'NR > 2 { print $1 }' ;;
	-m | --model) rkat models list 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
	*) return 1 ;;
	esac
}

# What may follow the words.
_rkat_arguments() {
	case $1/$2 in
	/) echo run resume continue sessions blob config models realms \
		capabilities doctor init comms serve rpc rest peerd sim help
	    compgen -c rkat- | sed 's/^rkat-//' ;;
	resume/ | session*/show | session*/history | session*/delete | \
		session*/interrupt | session*/events | session*/export | \
		session*/context | session*/input | session*/inputs)
		[ -n "$3" ] || _rkat_sessions ;;
	sessions/ | session/) echo create list show history delete interrupt \
		events export import context input inputs check ;;
	blob/) echo get ;;
	comms/) echo identity trust peers send inbox outbox resend trace prune event ;;
	comms/identity) echo show rotate ;;
	comms/trust) echo list add remove ;;
	comms/event) [ -n "$3" ] || _rkat_sessions ;;
	config/) echo get set patch ;;
	realms/) echo current list show create delete prune ;;
	realms/show | realms/delete) _rkat_values --realm ;;
	models/) echo catalog list ;;
	sim/) echo script echo record replay ;;
	help/) echo run resume continue sessions blob config models realms \
		capabilities doctor init comms serve rpc rest peerd sim rkat tour api events state worker ;;
	esac
}

# The options behind the words.  Other people's commands are not run to ask them.
_rkat_all_options() {
	case $1 in
	'') _rkat_options run run ;;
	run | resume | continue) _rkat_options run "$1" ;;
	c) _rkat_options run continue ;;
	sessions | session | config | comms) _rkat_options "$1" "$2" ;;
	blob | realms | models | capabilities | doctor | init) _rkat_options "$1" "$1" ;;
	sim) _rkat_options sim "$2"; return ;;
	serve | rpc | rest | peerd) _rkat_options "$1" ;;
	*) return ;;
	esac
	echo --realm --isolated --instance --realm-backend --state-root \
		--context-root --user-config-root
}

_rkat() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words list
	mapfile -t words < <(_rkat_words)
	case $prev in
	--state-root | --context-root | --user-config-root | replay)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--schema | --log | --ready | --unix | --rest-unix | --listen-unix | \
		--event-unix | --token-file | --limits | --access-log | --file | --comms-binding-out | script | set | patch | import)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	if ! list=$(_rkat_values "$prev" "${words[0]}"); then
		case $cur in
		-*) list=$(_rkat_all_options "${words[@]}") ;;
		*) list=$(_rkat_arguments "${words[@]}") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur" | sort -u)
}
# Commands by their own names: as behind rkat.
_rkat_own() {
	COMP_WORDS=(rkat "${COMP_WORDS[0]##*rkat-}" "${COMP_WORDS[@]:1}")
	COMP_CWORD=$((COMP_CWORD + 1))
	_rkat
}
complete -F _rkat rkat
complete -F _rkat_own rkat-serve rkat-rpc rkat-rest rkat-peerd rkat-comms rkat-session rkat-sim
