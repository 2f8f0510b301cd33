# xargs turns lines into arguments
printf 'a b\nc\n' | xargs echo; printf 'a b\nc\n' | xargs -n1 echo; printf 'a\nb\n' | xargs -I{} echo '[{}]'; printf 'a\0b c\0' | xargs -0 -n1 echo
seq 1 10 | xargs -n3; echo | xargs -r echo never; printf '1\n2\n' | xargs -t echo 2>&1; printf 'x\n' | xargs false; echo $?
