# files of /proc that can be written
echo 100 > /proc/self/oom_score_adj; cat /proc/$$/oom_score_adj; sh -c 'echo 500 > /proc/self/oom_score_adj; cat /proc/$$/oom_score_adj'; sh -c 'printf renamed > /proc/$$/comm; cat /proc/$$/comm'; echo 5000 > /proc/$$/oom_score_adj; echo $?
