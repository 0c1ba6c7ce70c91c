# Read by bash (BASH_ENV) before it runs a line strictly, beside -e -u -o pipefail.
#
# Those pass over what fails in a substitution and what fails in the background. Here it fails the line, and
# what failed is written to a file, with the variables it names: status, command, each with a NUL after it.
# A program that is ended by SIGPIPE has not failed: whoever read from it has enough, or fails by itself.
# See docs/decisions/0014-strict-command-lines.md.

__ogdc_file=$OGDC_FAILURE __ogdc_culprit= __ogdc_here=${BASH_SOURCE[0]%.bash}
unset BASH_ENV OGDC_FAILURE # shells that the line starts are the author's own
set -E
shopt -s inherit_errexit

# All that takes time to read is read when it is needed.
__ogdc_failed() {
    . "${__ogdc_here}_failure.bash"
    __ogdc_failed "$@"
}
trap '__ogdc_failed "$?" "$BASH_COMMAND" "${PIPESTATUS[@]}"' ERR
if [[ ${BASH_EXECUTION_STRING//[&<>\|]&/} == *'&'* ]]; then
    . "${__ogdc_here}_failure.bash"
    . "${__ogdc_here}_background.bash"
fi
