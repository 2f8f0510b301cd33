# paths near their limit
d=d; i=0; while [ $i -lt 60 ]; do d=$d/sub$i; i=$((i + 1)); done; mkdir -p $d; echo deep > $d/f; cat $d/f; cd $d; pwd | wc -c; cd - > /dev/null; n=$(head -c 256 /dev/zero | tr '\0' n); touch $n; echo $?; touch ${n#n}; ls | wc -l; p=$(head -c 4200 /dev/zero | tr '\0' /); ls $p | wc -l; rm -r d; ls d; echo $?
