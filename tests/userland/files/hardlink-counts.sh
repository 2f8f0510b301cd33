# links are counted, directories by their subdirectories
mkdir d; stat -c %h d; mkdir d/a d/b; stat -c %h d; rmdir d/a; stat -c %h d; touch f; ln f g; ln f h; stat -c %h f; rm g; stat -c %h h; ls -i f h | awk '{ print $1 }' | uniq | wc -l
