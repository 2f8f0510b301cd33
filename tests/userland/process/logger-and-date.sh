# dates in form and arithmetic
date -u -d '2024-02-29 12:34:56' '+%Y-%m-%d %H:%M:%S %a %b %j %U %s'; date -u -d @0; date -u -d @1700000000 +%c; date -u -R -d @86399; date -u -I -d @951782400; date -d nonsense; echo $?; date +%Y | grep -c '^20'; TZ=EST5 date -d @0 +%H; date -D '%d.%m.%Y' -d 24.12.2023 +%F; echo x | logger 2>/dev/null; date -u -d '2000-01-01' +%s
