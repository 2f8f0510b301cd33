# a zip archive with a stored and a deflated member
printf 'UEsDBAoAAAAAAAAAIQAgMDo2BgAAAAYAAAABAAAAYWhlbGxvClBLAQIUAwoAAAAAAAAAIQAgMDo2BgAAAAYAAAABAAAAAAAAAAAAAACkgQAAAABhUEsFBgAAAAABAAEALwAAACUAAAAAAA==' | base64 -d > z.zip
unzip -l z.zip | tail -2 | awk '{ print $1, $NF }'; unzip -p z.zip a; unzip -q z.zip; cat a; unzip nothing.zip 2>&1 | head -1; echo junk > j.zip; unzip j.zip; echo $?
