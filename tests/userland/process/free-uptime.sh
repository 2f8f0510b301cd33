# memory and uptime in form
free | awk 'NR == 2 { print $1, NF, ($2 >= $3) }'; free -m | head -1 | wc -w; uptime | grep -c load; top -b -n1 | head -4 | tail -1 | awk '{ print $1, $2 }'; top -b -n1 | grep -c Mem; ps | head -1; w 2>/dev/null | head -1 | grep -c load; who | wc -l; users 2>/dev/null | wc -w; last 2>/dev/null | wc -l | grep -c '[0-9]'
