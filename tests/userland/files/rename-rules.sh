# what may be renamed over what
mkdir d e full; touch f full/x; mv f d; ls d; touch f; mv d/f f; ls d | wc -l; mv -T d e 2>/dev/null; ls -d d e 2>/dev/null; mkdir d; mv e full 2>/dev/null; ls full | sort; ln f g; mv f g; ls f g 2>/dev/null; mv full full/sub; echo $?; mv d nothing/x; echo $?; mv . x; echo $?; mv full ./full; echo $?; touch a b; mv a b; ls a b
