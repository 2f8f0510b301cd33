# grep's ways of matching and reporting
printf 'apple\nBanana\ncherry\napple pie\n' > f
grep -n apple f; grep -ci b f; grep -v apple f; grep -w pie f; grep -E '^(a|c)' f; grep -F . f; echo "none: $?"
grep -o 'p*' f; grep -A1 Banana f; grep -B1 cherry f; grep -q zzz f; echo "quiet: $?"
mkdir -p d/e; cp f d/e/g; grep -r cherry d; grep -l apple f d/e/g; grep -L zzz f; grep -x apple f; grep -m1 apple f
egrep 'an{1}a' f; fgrep 'pie' f
