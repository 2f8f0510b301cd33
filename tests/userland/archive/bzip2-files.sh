# bzip2 and back
seq 1 3000 > f; bzip2 -k f; bzcat f.bz2 | cmp - f && echo same; bunzip2 -c f.bz2 | md5sum; rm f; bunzip2 f.bz2; md5sum f; bzip2 -1 < f | bunzip2 | md5sum; echo junk | bunzip2; echo $?
