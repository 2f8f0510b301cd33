# address arithmetic needs no network
ipcalc -n 192.168.5.77/20; ipcalc -b 10.1.2.3/24; ipcalc -m 172.16.0.0/12; ipcalc -p 10.0.0.0 255.255.255.128; ipcalc -nbmp 10.9.8.7/29
