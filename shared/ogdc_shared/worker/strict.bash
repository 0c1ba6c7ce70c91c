# Read by bash (BASH_ENV) before it runs a line strictly, beside -e -u -o pipefail.
#
# Those pass over what fails in a substitution and what fails in the background. Here it fails the line, and
# what failed is written to a file, with the variables it names: status, command, each with a NUL after it.
# A program that is ended by SIGPIPE has not failed: whoever read from it has enough, or fails by itself.
# See docs/decisions/0014-lines-are-strict.md.

__ogdc_file=$OGDC_FAILURE __ogdc_culprit=
unset BASH_ENV OGDC_FAILURE # shells that the line starts are the author's own
set -E
shopt -s inherit_errexit

# Puts the values of the line's own variables that a text names into __ogdc_values.
__ogdc_look_up() {
    local rest=$1 name known=' '
    __ogdc_values=
    while [[ $rest == *'$'* ]]; do
        rest=${rest#*'$'}
        name=${rest#'{'}
        name=${name%%[!a-zA-Z0-9_]*}
        if [[ $name == [a-zA-Z_]* && $known != *" $name "* && -v $name && ${!name@a} != *x* ]]; then
            known+="$name "
            __ogdc_values+=" · $name=${!name}"
        fi
    done
}

# Called with the status, the command, and the statuses of a pipe's programs: then it may be any of them.
__ogdc_failed() {
    local status=$1 command=$2 number=0 each
    shift 2
    if [[ $- != *e* && ! -v __ogdc_goes_on ]]; then return; fi # the author said `set +e`
    for each; do
        number=$((number + 1))
        if ((each != 0 && each != 141)); then break; fi
    done
    if ((status == 141 && each % 141 == 0)) && { (($# > 1 || BASH_SUBSHELL)) || [[ -e $__ogdc_file.pipe ]]; }; then
        : >"$__ogdc_file.pipe"
        __ogdc_goes_on=
        set +e # so that bash goes on after this trap; which stays, and ends the line if need be
        return
    fi
    if ((status == 141 && each % 141)); then status=$each; fi
    if [[ ! -e $__ogdc_file ]]; then
        if (($# > 1)); then
            __ogdc_look_up "$BASH_EXECUTION_STRING"
            command="program $number of $# in a pipe$__ogdc_values"
        elif [[ $command == *__ogdc_* ]]; then # in `wait`
            command=$__ogdc_culprit
        else
            __ogdc_look_up "$command"
            command+=$__ogdc_values
        fi
        printf '%s\0%s\0' "$status" "$command" >"$__ogdc_file"
    fi
    exit "$status"
}
trap '__ogdc_failed "$?" "$BASH_COMMAND" "${PIPESTATUS[@]}"' ERR

# Bash forgets how a background process ended: so they are remembered, and asked for at the end.
if [[ ${BASH_EXECUTION_STRING//[&<>\|]&/} == *'&'* ]]; then
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
fi
