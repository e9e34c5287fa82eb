        default rel
        global main
        extern puts
        section .text
main:   sub rsp, 8
        lea rdi, [text]
        call puts
        xor eax, eax
        add rsp, 8
        ret
        section .rodata
text:   db "Hello, World!", 0
        section .note.GNU-stack noalloc noexec nowrite progbits
