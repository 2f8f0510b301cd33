# checksums and digests of one file
seq 1 5000 > f
md5sum f; sha1sum f; sha256sum f; sha512sum f; sha3sum f; crc32 f; md5sum f > s; md5sum -c s; echo x >> f; md5sum -c s; echo $?; md5sum < /dev/null
