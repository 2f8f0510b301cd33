# names that do not exist
ubirename 2>/dev/null; echo $?; nuke 2>/dev/null; resume 2>/dev/null; echo $?; devmem 2>/dev/null; echo $?; setkeycodes 2>/dev/null; echo $?; loadkmap < /dev/null; echo $?; dumpkmap > /dev/null 2>&1; echo $?; mt 2>/dev/null; echo $?; fatattr nothing; echo $?
