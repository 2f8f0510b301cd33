# ts stamps lines; time formats are given
printf 'a\nb\n' | ts 'X'; printf 'a\n' | ts '%%'
