# a writer whose reader is gone is ended by SIGPIPE
(yes; echo "yes ended: $?" >&2) 2> e | head -1; cat e; sh -c 'trap "" PIPE; yes 2>/dev/null; echo "ignored: $?" >&2' 2> e2 | head -1; cat e2
