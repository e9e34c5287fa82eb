        global main
        section .text
main:   ret
        incbin "@CANARY@"
