# Runs in the compiler.
const secret = staticRead("@CANARY@")
echo secret
