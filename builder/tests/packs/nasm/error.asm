        default rel
        global main
        extern puts, fflush
        section .text
main:   sub rsp, 8
        lea rdi, [text]
        call puts
        xor edi, edi
        call fflush
        call outer
        add rsp, 8
        ret
outer:  xor ecx, ecx
        call inner
        ret
inner:  mov eax, 1
        cdq
        idiv ecx
        ret
        section .rodata
text:   db "before", 0
        section .note.GNU-stack noalloc noexec nowrite progbits
