# Read by strict.bash before a line with a `&`. Bash forgets how a background process ended: so they are
# remembered, and asked for at the end.

set -T
declare -A __ogdc_jobs=()
__ogdc_shell=$BASHPID __ogdc_last= __ogdc_now=

# Called before each command; the one before it may have gone into the background.
__ogdc_track() {
    if [[ ${FUNCNAME[1]-} == @(wait|trap|__ogdc_*) ]]; then return; fi
    if [[ $__ogdc_shell != "$BASHPID" ]]; then
        __ogdc_shell=$BASHPID __ogdc_last=${!:-} __ogdc_jobs=()
    elif [[ ${!:-} != "$__ogdc_last" ]]; then
        __ogdc_last=$!
        __ogdc_jobs[$!]=$__ogdc_now
    fi
    __ogdc_now=$1
    if [[ $1 == *'$'* ]]; then
        __ogdc_look_up "$1"
        __ogdc_now+=$__ogdc_values
    fi
}

# As bash's own, which tells of the last process alone. One that a signal ended was ended by the line.
wait() {
    local job __ogdc_status=0 ended
    if [[ ${1-} == [-%]* ]]; then
        __ogdc_jobs=()
        builtin wait "$@"
        return
    fi
    for job in "${@:-"${!__ogdc_jobs[@]}"}"; do
        if [[ ! $job ]]; then continue; fi
        ended=0
        builtin wait "$job" || ended=$?
        if ((ended != 0)) && { (($#)) || [[ $ended != @(129|130|141|143) ]]; }; then
            __ogdc_status=$ended
            __ogdc_culprit=${__ogdc_jobs[$job]-process $job}
        fi
        unset "__ogdc_jobs[$job]"
    done
    if (($# == 0)); then builtin wait; fi
    return "$__ogdc_status"
}

# What the line itself wants done at its end comes first, since that may be what ends its processes.
__ogdc_finish() {
    if ((BASHPID != __ogdc_shell_of_trap)); then return; fi # a process that was ended before it was a program
    if __ogdc_ended_with "$1"; then eval "$__ogdc_theirs"; else eval "$__ogdc_theirs"; fi
    if (($1 == 0)); then
        __ogdc_tell
        wait
    fi
}

# Writes down what is waited for, which the worker tells of if it takes a while.
__ogdc_tell() {
    local job names=
    for job in "${!__ogdc_jobs[@]}"; do
        if [[ $job ]] && builtin kill -0 "$job" 2>/dev/null; then names+="${names:+, }${__ogdc_jobs[$job]}"; fi
    done
    if [[ $names ]]; then printf '%s' "$names" >"$__ogdc_file.waits"; fi
}

# For the line's own trap, which may ask for $?.
__ogdc_ended_with() { return "$1"; }

# As bash's own, but for what is done at the end.
trap() {
    builtin trap "$@"
    if [[ " $* " == *' '@(EXIT|0)' '* && ${1-} != -[lp]* ]]; then
        __ogdc_theirs=$(builtin trap -p EXIT) __ogdc_shell_of_trap=$BASHPID
        eval "set -- $__ogdc_theirs"
        __ogdc_theirs=${3-}
        builtin trap '__ogdc_finish "$?"' EXIT
    fi
}

builtin trap '__ogdc_track "$BASH_COMMAND"' DEBUG
__ogdc_theirs= __ogdc_shell_of_trap=$BASHPID
builtin trap '__ogdc_finish "$?"' EXIT
