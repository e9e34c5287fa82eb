local ffi = require("ffi")
ffi.cdef("int abs(int);")
print(ffi.C.abs(-42), 0xffffffffffffULL)
