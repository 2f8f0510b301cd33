# tee writes to several places
echo hello | tee a b; cat a b; echo more | tee -a a > /dev/null; cat a
