# files compared byte by byte
printf abcd > x; printf abXd > y
cmp x y; echo $?; cmp -l x y; cmp -s x x; echo $?; printf abc > z; cmp x z; echo $?; cmp -n 2 x y; echo $?
