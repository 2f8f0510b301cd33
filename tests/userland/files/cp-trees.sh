# files and trees are copied with what belongs to them
mkdir -p a/b; echo 1 > a/x; echo 2 > a/b/y; ln -s x a/l; chmod 640 a/x; touch -d '2020-01-02 03:04:05' a/x
cp -r a c; find c | sort; cp -a a d; stat -c '%a %Y %F' d/x; stat -c %F d/l; cp -p a/x p; stat -c '%a %Y' p; cp a/x a/b/y c/; ls c; cp a e; echo $?; cp -L a/l g; stat -c %F g; cp -d a/l h; stat -c %F h
cp -u a/x p && echo kept; cp nothing x; echo $?; cp -s /etc/passwd s; readlink s; cp -l a/x hard; stat -c %h a/x; cp -n a/b/y a/x; cat a/x
