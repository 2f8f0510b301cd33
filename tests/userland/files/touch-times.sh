# times set, kept and copied
touch a; test -f a && echo made; touch -c b; test -f b || echo not made; touch -d '2005-05-05 05:05:05' a; stat -c %y a; touch -t 202001020304.05 a; stat -c %y a; touch -r a c; stat -c %y c; touch -d @86400 c; stat -c %Y c; date -r c +%s
