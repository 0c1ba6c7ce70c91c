# Read by strict.bash before a line with a `&`. Bash forgets how a background process ended: so they are
# remembered, and asked for at the end.

set -T
declare -A __ogdc_jobs=()
__ogdc_shell=$BASHPID __ogdc_last= __ogdc_now=

# Called before each command; the one before it may have gone into the background.
__ogdc_track() {
    if [[ ${FUNCNAME[1]-} == @(wait|__ogdc_*) ]]; then return; fi
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

trap '__ogdc_track "$BASH_COMMAND"' DEBUG
trap 'if (($? == 0)); then wait; fi # __ogdc_' EXIT
