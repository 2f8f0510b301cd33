# line ends changed
printf 'a\nb\n' > f; unix2dos f; od -c f; dos2unix f; od -c f; printf 'x\r\ny\n' | dos2unix | od -c; printf 'x\n' | unix2dos | od -c
