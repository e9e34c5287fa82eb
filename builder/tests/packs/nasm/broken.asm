        global main
main:   move eax, ebx
        ret
