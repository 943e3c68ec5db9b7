# bash completion of rkat and rkat-turn                          -*- sh -*-

_rkat_turn_flags='--system --instructions --model --provider --max-duration
	--max-tool-calls --allow-tool --block-tool --param --params-json --schema
	--idempotency-key --output --json --stream --no-stream --verbose
	--stream-view --stream-focus --stdin --line-format'
_rkat_run_flags='--tools --yolo --sandbox --network --max-tokens --label
	--app-context'
_rkat_global_flags='--realm --isolated --instance --realm-backend --state-root
	--context-root --user-config-root --help --version'

# The word that says what is done: the first that is no option.
_rkat_word() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-r | --realm | --instance | --realm-backend | --state-root | --context-root | --user-config-root)
			((i++)) ;;
		-*) ;;
		*) echo "${COMP_WORDS[i]}"; return ;;
		esac
	done
}

_rkat_sessions() {
	rkat sessions list --json 2>/dev/null |
		grep -o '"session_id": *"[^"]*"' | cut -d'"' -f4
}

# Other people's rkat-NAME in PATH.
_rkat_others() {
	compgen -c rkat- | sed 's/^rkat-//'
}

# What may follow: words on stdout.
_rkat_candidates() {
	local prev=$1 word=$2
	case $prev in
	-p | --provider) echo anthropic openai gemini self-hosted ;;
	-t | --tools) echo safe workspace full none ;;
	-o | --output) echo text json ;;
	-w | --stream-view) echo primary mux focus ;;
	--sandbox) echo off workspace strict ;;
	--stdin) echo auto blob lines off ;;
	--line-format) echo text json ;;
	--realm-backend) echo sqlite ;;
	-r | --realm) rkat realms list 2>/dev/null | awk 'NR > 2 { print $1 }' ;;
	resume | show | history | delete | interrupt | events | inputs | context)
		echo last; _rkat_sessions ;;
	*) case $word in
		'') echo run resume continue sessions blob config models realms \
			capabilities doctor init sim help "$_rkat_global_flags"
		    _rkat_others ;;
		run) echo "$_rkat_turn_flags" "$_rkat_run_flags" "$_rkat_global_flags" ;;
		resume | continue | c) echo "$_rkat_turn_flags" "$_rkat_global_flags" ;;
		sessions | session) echo create list show history delete interrupt \
			events context input inputs check "$_rkat_global_flags" ;;
		blob) echo get ;;
		config) echo get set patch "$_rkat_global_flags" ;;
		realms) echo current list show create delete prune ;;
		models) echo catalog ;;
		sim) echo script echo record replay --port --host --ready --log ;;
		help) echo run resume continue sessions blob config models realms \
			doctor init sim rkat tour events state worker ;;
		*) echo "$_rkat_global_flags" ;;
		esac ;;
	esac
}

_rkat() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	case $prev in
	--state-root | --context-root | --user-config-root)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--schema | script | --log | --ready)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$(_rkat_candidates "$prev" "$(_rkat_word)")" -- "$cur")
}
complete -F _rkat rkat
