# lines, words, bytes, characters, longest line
printf 'one two\nthree\n\n' > f
wc f; wc -l f; wc -w f; wc -c f; wc -L f; wc -l f f; wc < f; printf 'no newline' | wc -l
