# lines and characters backwards
printf 'abc\ndef\n' | rev; printf '1\n2\n3\n' | tac; printf 'no newline' | rev; echo
