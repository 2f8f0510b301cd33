# a lock taken by one makes another wait
mkdir lock && echo got; mkdir lock 2>/dev/null || echo busy; rmdir lock; sv=$(mktemp); (exec 9> $sv; sleep 0.2) & sleep 0.1; wait; echo freed
