# a loop of shell arithmetic
i=0; s=0; while [ $i -lt 20000 ]; do s=$(((s * 31 + i) % 65537)); i=$((i + 1)); done; echo $s
