# a deleted file lives as long as somebody has it open
echo content > f; exec 3< f; rm f; ls; cat <&3; exec 3<&-; echo new > g; exec 4>> g; rm g; echo more >&4; readlink /proc/self/fd/4 | sed 's/.*\///'; exec 4>&-
