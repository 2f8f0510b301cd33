# Completes lines of docker and of glassdock in fish. What fits, the program itself says, so this needs no change when
# it learns something. To load it: glassdock docker completion fish | source

function __glassdock_answer
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l last (commandline --current-token --cut-at-cursor)
    set -l program $words[1]
    set -e words[1]
    if string match --quiet --regex '(^|/)glassdock$' -- $program
        if test (count $words) -eq 0
            printf '%s\n' daemon\t'Run containers for clients of the Docker API' docker\t'The docker command line' \
                help runtime\t"runc's command line" version
            return
        else if test $words[1] != docker
            __fish_complete_path "$last"
            return
        end
        set program $program docker
        set -e words[1]
    end
    set -l lines ($program __complete $words "$last" 2>/dev/null)
    or return
    set -l directive (string trim --left --chars=: -- $lines[-1])
    set -e lines[-1]
    if test (math "bitand($directive, 1)") -ne 0
        return
    end
    # The value of a flag comes without the flag, and fish wants the whole word.
    set -l flag (string match --regex -- '^-[^=]*=' "$last")
    if test (count $lines) -gt 0
        printf '%s\n' "$flag"$lines
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path "$last"
    end
end

complete --command docker --no-files --arguments '(__glassdock_answer)'
complete --command glassdock --no-files --arguments '(__glassdock_answer)'
