# beginnings and ends of files
seq 1 20 > f
head -3 f; head -n -17 f; head -c 5 f; tail -3 f; tail -n +18 f; tail -c 6 f; head -2 f f; cat f | tail -1
