# Completes lines of docker and of glassdock in bash 4.4 or newer. What fits in docker's, the program itself says, so that
# needs no change when it learns something. To load it: source <(glassdock docker completion bash)

# Splits the line up to the cursor into the array `words`. Readline also splits at the characters of COMP_WORDBREAKS;
# what has no space in between is put together again.
_glassdock_words() {
    local line=${COMP_LINE:0:COMP_POINT} word gap
    words=()
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        # Of the last word counts what is before the cursor.
        [[ $line == "$word"* ]] || word=$line
        line=${line#"$word"}
        if ((${#words[@]})) && [[ -z $gap ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    # As the shell would: without quotes.
    words=("${words[@]//[\"\'\\]/}")
}

_glassdock() {
    local -a words
    _glassdock_words
    local -a program=("${words[0]}")
    words=("${words[@]:1}")
    if [[ ${program[0]##*/} == glassdock ]]; then
        if ((${#words[@]} == 1)); then
            mapfile -t COMPREPLY < <(compgen -W 'daemon docker help runtime version' -- "${words[0]}")
            return
        elif [[ ${words[0]} != docker ]]; then
            _glassdock_own
            return
        fi
        program+=(docker)
        words=("${words[@]:1}")
    fi
    local answer directive
    answer=$("${program[@]}" __completeNoDesc "${words[@]}" 2>/dev/null) || return
    directive=${answer##*:}
    answer=${answer%:*}
    ((directive & 1)) && return
    _glassdock_take "${words[-1]}" "$answer"
    ((directive & 2)) && compopt -o nospace 2>/dev/null
    ((directive & 4)) || compopt -o default 2>/dev/null
}

# Options of glassdock's own commands.
_glassdock_own() {
    case ${words[0]} in
        daemon)
            mapfile -t COMPREPLY < <(compgen -W '--host --root --exec-root --group --pidfile --log-level --kernel
                --images --input-log --help' -- "${words[-1]}") ;;
        runtime)
            mapfile -t COMPREPLY < <(compgen -W 'create delete events exec features kill list pause ps resume run spec
                start state update' -- "${words[-1]}") ;;
    esac
    [[ ${words[-1]} == -* ]] || compopt -o default 2>/dev/null
}

# Takes those lines of $2 that begin with the word $1. Readline replaces only what is after the last break in it.
_glassdock_take() {
    local current=$1 value=$1 breaks=${COMP_WORDBREAKS//[!:=]/} candidate tail
    [[ $current == -*=* ]] && value=${current#*=}
    local flag=${current%"$value"}
    tail=$current
    [[ -n $breaks ]] && tail=${current##*[$breaks]}
    local before=${current%"$tail"}
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate=$flag$candidate
        [[ -n $candidate && $candidate == "$current"* ]] && COMPREPLY+=("${candidate#"$before"}")
    done <<<"$2"
}

complete -F _glassdock docker glassdock
