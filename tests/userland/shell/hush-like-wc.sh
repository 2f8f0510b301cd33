# command substitution in depth
echo $(echo $(echo $(echo $(echo deep)))); x=$(seq 1 10); echo $x; echo "$x" | wc -l; y=`echo \`echo back\``; echo $y; echo "$(cat <<E
inner
E
)"
