# supervision without a supervisor
svok nothing; echo $?; svc -u nothing; echo $?; sv status nothing 2>/dev/null; echo $? | grep -c '[0-9]'
