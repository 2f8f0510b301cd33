# binary data as text and back
printf 'binary\000\001\377data' > f
base64 f; base64 f | base64 -d | cmp - f && echo ok; uuencode -m f f; uuencode f name | head -3; uuencode f out | uudecode; cmp f out && echo uu; echo '!!!' | base64 -d; echo $?
