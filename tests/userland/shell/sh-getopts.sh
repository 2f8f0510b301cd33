# options taken apart
parse() { OPTIND=1; while getopts ab:c o "$@"; do case $o in a) echo A;; b) echo B=$OPTARG;; c) echo C;; \?) echo bad;; esac; done; shift $((OPTIND - 1)); echo "rest: $*"; }; parse -a -b x y; parse -ac; parse -bval z; parse -x; parse -- -a; getopt -o ab: -l long,arg: -- -a --long --arg v -b w file; getopt -o a -- -z; echo $?
