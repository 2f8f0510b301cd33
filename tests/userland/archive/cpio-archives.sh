# cpio copies in, out and through
mkdir -p d/e; echo 1 > d/a; echo 2 > d/e/b; ln -s a d/l
find d | sort | cpio -o -H newc 2>/dev/null > c.cpio; cpio -t < c.cpio 2>/dev/null; mkdir o; cd o; cpio -id < ../c.cpio 2>/dev/null; find . | sort; cat d/e/b; readlink d/l; cd ..; find d | cpio -pd p 2>/dev/null; find p | sort
