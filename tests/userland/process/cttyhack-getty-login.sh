# programs for terminals refuse what is none
tty; echo $?; stty < /dev/null; echo $?; resize < /dev/null 2>/dev/null | wc -l; mesg 2>/dev/null; reset > /dev/null; clear | od -c | head -1; openvt true 2>/dev/null; echo $? | grep -c '[1-9]'; nologin < /dev/null | head -1 | wc -l
