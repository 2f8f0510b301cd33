# tasks of a file by name
mim 2>/dev/null; echo $?; printf 'hello:\n\techo hi $(pwd)\n\ttrue\nbye:\n\techo bye\n\texit 4\n' > Mimfile; mim hello; echo $?; mim bye; echo $?; mim nosuch; echo $?; printf 'other:\n\tseq 3\n' > spec; mim -f spec other
