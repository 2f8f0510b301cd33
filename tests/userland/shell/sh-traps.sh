# traps run on signals and at the end
trap 'echo caught USR1' USR1; kill -USR1 $$; echo after; trap 'echo bye' EXIT; (trap 'echo sub' EXIT; echo in); trap '' INT; kill -INT $$; echo survived; trap - INT; trap; sh -c 'trap "echo term; exit 9" TERM; kill -TERM $$; echo no'; echo $?; sh -c 'kill -KILL $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?
