# parts of a path
basename /a/b/c.txt; basename /a/b/c.txt .txt; basename a/; dirname /a/b/c; dirname a; dirname /; dirname a/b/; basename ''; realpath /bin/../etc/./passwd; readlink -f /etc/../tmp
