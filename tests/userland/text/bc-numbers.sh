# bc and dc compute with any precision
echo '2^100; 10/3; scale=20; 10/3; sqrt(2); 7%3' | bc; echo 'define f(n) { if (n <= 1) return 1; return n * f(n-1); } f(30)' | bc; echo 'obase=16; 255; ibase=2; 1010' | bc; echo 's(1)+c(1)' | bc -l
echo '5 3 + p 2 ^ p 20 k 2 v p' | dc; dc -e '2 3 * p' 2>/dev/null || echo '2 3 * p' | dc
