# patterns and what they match
touch a1 a2 b1 'with space' .dot '[x]'; echo a*; echo ?1; echo [!a]1; echo [[:alpha:]][[:digit:]]; echo .d*; echo '['*; for f in *\ *; do echo "<$f>"; done; set -f; echo *; set +f; mkdir d; touch d/q; echo */q; echo d/*/x; case 'a/b' in a*b) echo slash;; esac
