# sequences of numbers
seq 5; seq 2 4; seq 1 2 9; seq -w 8 11; seq -s, 1 5; seq 5 -2 1; seq 0.5 0.5 2; seq 3 1
