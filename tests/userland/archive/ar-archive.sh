# members of an ar archive are listed and taken out
printf '!<arch>\n' > x.a; printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' 'one/' 0 0 0 100644 4 >> x.a; printf 'abc\n' >> x.a; printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' 'two/' 0 0 0 100644 2 >> x.a; printf 'z\n' >> x.a
ar t x.a; ar p x.a one; ar x x.a; cat one two; ar t nothing.a; echo $?
