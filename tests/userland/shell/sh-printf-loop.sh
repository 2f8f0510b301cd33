# a multiplication table
for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do printf '%3d' $((i * j)); done; echo; done
