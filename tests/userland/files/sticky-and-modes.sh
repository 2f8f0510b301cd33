# the sticky bit and the owner's right to delete, tried as another user
mkdir t; chmod 1777 t; echo root > t/f; chmod 666 t/f; su -s /bin/sh nobody -c 'rm -f t/f; echo $?; echo mine > t/g; rm t/g; echo $?; cat t/f'
