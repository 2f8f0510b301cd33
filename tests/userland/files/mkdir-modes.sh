# directories, their parents and modes
mkdir a; mkdir a; echo $?; mkdir -p x/y/z; find x; mkdir -m 700 b; stat -c %a b; mkdir -p a; echo $?; mkdir no/such; echo $?; mkdir -v c; touch f; mkdir f/g; echo $?
