# less and more pass their input on when nobody watches
seq 1 5 | less; seq 1 3 | more; printf 'x\n' > f; less f; more f
