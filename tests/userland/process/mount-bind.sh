# the same directory in two places, and read-only there
mkdir a b; echo 1 > a/f; mount --bind a b; cat b/f; echo 2 > b/g; ls a; mount -o remount,bind,ro b; echo x > b/h; echo $?; echo y > a/h; cat b/h; umount b; ls b | wc -l; touch file target; echo content > file; mount --bind file target; cat target; umount target
