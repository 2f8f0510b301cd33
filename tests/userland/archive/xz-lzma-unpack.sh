# xz and lzma streams are unpacked
echo /Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4ABcACVdADQZSe6N6RLmFA6/uR9bt//OebX2eG30fWVpqO3DlXhHvysUoAAAAAAAPEGMDgABPV3c0LRfkEKZDQEAAAAAAVla | base64 -d > f.xz; echo XQAAgAD//////////wA3mwirZnS4U3e2rnv39Xy3ff///MQgAA== | base64 -d > f.lzma; lzcat f.lzma; unlzma -c f.lzma; lzma -dc f.lzma
xzcat f.xz; unxz -c f.xz; xz -dc f.xz; echo junk | xzcat; echo $?; echo junk | lzcat; echo $?; echo junk | unlzma; echo $?; cp f.xz g.xz; unxz g.xz; cat g
