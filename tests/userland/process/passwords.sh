# hashes of passwords
mkpasswd -m md5 -S abcdefgh secret; mkpasswd -m sha256 -S abcdefgh secret; mkpasswd -m sha512 -S abcdefgh secret; echo secret | cryptpw -m des ab 2>/dev/null; mkpasswd -m des -S ab secret
