        default rel
        global main
        extern puts, fflush
        section .text
main:   sub rsp, 8
        lea rdi, [text]
        call puts
        xor edi, edi
        call fflush
        jmp $
        section .rodata
text:   db "spinning", 0
        section .note.GNU-stack noalloc noexec nowrite progbits
