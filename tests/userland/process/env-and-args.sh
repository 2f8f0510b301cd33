# long arguments and environments
env | grep -c '^PATH='; sh -c 'echo $#' x $(seq 1 5000); a=$(seq 1 20000 | tr '\n' ' '); sh -c 'echo ${#1}' x "$a"; b=$(head -c 140000 /dev/zero | tr '\0' x); sh -c 'echo never' x "$b"; echo $?; env -u PATH sh -c 'echo ${PATH:-unset}' | head -c 5; echo
