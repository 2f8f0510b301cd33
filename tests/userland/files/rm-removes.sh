# removal, forced and recursive, and what is refused
touch a b; mkdir -p d/e/f; rm a; ls; rm nothing; echo $?; rm -f nothing; echo $?; rm d; echo $?; rm -r d; ls; touch -- -x; rm -- -x; rmdir nothing; echo $?; mkdir -p p/q; rmdir p; echo $?; rmdir -p p/q; ls; touch c; unlink c; ls
