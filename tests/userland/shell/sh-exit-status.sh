# the status of what is missing, forbidden, killed
nosuchcommand; echo $?; ./nothing; echo $?; touch f; ./f; echo $?; chmod +x f; ./f; echo $?; mkdir d; ./d; echo $?; sh -c 'exit 300'; echo $?; sh nothing.sh; echo $?; /etc/passwd; echo $?; sh -c 'return 5' 2>/dev/null; echo $?; (set -e; false; echo no); echo $?; sh -c 'set -u; echo $undefined'; echo $?
