# renaming within and across directories
mkdir d e; echo 1 > a; mv a b; cat b; mv b d/; ls d; echo x > c; echo y > f; mv c f; cat f; mv -n f d/b; ls; cat d/b; mv d e/; find . | sort; mv nothing x; echo $?; mv e e/d/z; echo $?; mv -t e f 2>/dev/null || mv f e; ls e
