# printf's conversions and escapes
printf '%d %i %u %x %X %o %c %s %%\n' 42 -7 7 255 255 8 A word
printf '%5d|%-5d|%05d|%+d\n' 42 42 42 42; printf '%.3f %e %g\n' 3.14159 31415.9 0.00001; printf '%s\n' a b c; printf '%b\n' 'a\tb'; printf '\101\x42\n'
printf '%d\n' 0x1f 010 "'A"; printf '%d\n' abc; echo $?
