# the differences of files and trees, and patch that applies them
printf 'a\nb\nc\nd\n' > x; printf 'a\nB\nc\nd\ne\n' > y
diff x y | tail -n +1 | grep -v '^[-+][-+][-+]' ; diff -q x y; diff x x; echo "same: $?"; diff -u x y | tail -n +3 > p
cp x z; printf -- '--- z\n+++ z\n' > q; cat p >> q; patch -p0 < q; cmp y z && echo patched
mkdir d1 d2; cp x d1/f; cp y d2/f; echo only > d1/o; diff -r d1 d2 | grep -v '^[-+][-+][-+]'; diff -i y x > /dev/null; echo $?
patch -R -p0 < q; cmp x z && echo back
