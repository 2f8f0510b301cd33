# ed edits by commands
printf 'one\ntwo\nthree\n' > f
printf '2s/two/TWO/\n1a\ninserted\n.\n$d\n1,$p\nw\nq\n' | ed f; cat f
