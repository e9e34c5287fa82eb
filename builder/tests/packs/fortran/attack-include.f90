program attack
#include "@CANARY@"
end program
