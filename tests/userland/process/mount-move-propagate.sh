# mounts are moved, and shared or kept private
mkdir a b c; mount -t tmpfs t a; echo x > a/f; mount --move a b; cat b/f; ls a | wc -l; umount b; mount -t tmpfs t a; mount --make-shared a; mkdir a/s; mount --bind a c; mount -t tmpfs u a/s; touch a/s/in; ls c/s; umount a/s; ls c/s | wc -l; mount --make-private a; umount c; umount a
