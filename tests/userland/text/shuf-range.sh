# shuf permutes: sorted again nothing is lost
seq 1 50 | shuf | sort -n | md5sum; seq 1 50 | md5sum; shuf -i 1-10 | sort -n | tr '\n' ' '; echo; shuf -n 3 -i 1-3 | wc -l; shuf -e a b c | sort
