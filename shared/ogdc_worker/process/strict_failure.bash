# Read by strict.bash once something fails, or can fail in the background.

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
    if [[ $- != *e* && ! -v __ogdc_goes_on ]]; then return; fi # the author wrote `set +e`
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
