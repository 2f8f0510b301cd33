# a mount that nobody else sees
mkdir m; unshare -m sh -c 'mount -t tmpfs t m; touch m/x; ls m'; ls m | wc -l
