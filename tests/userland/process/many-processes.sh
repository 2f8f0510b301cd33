# two hundred processes, one after the other and at once
i=0; while [ $i -lt 100 ]; do true & i=$((i + 1)); done; wait; echo all; i=0; while [ $i -lt 100 ]; do (exit $((i % 7))); i=$((i + 1)); done; echo $?; echo start | cat | cat | cat | cat | cat | cat | cat | cat | cat
