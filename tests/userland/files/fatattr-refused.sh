# what a file system does not know is refused
touch f; fatattr f; echo $?
