        default rel
        global main
        extern malloc, memset
        section .text
main:   sub rsp, 8
next:   mov edi, 1 << 20
        call malloc
        test rax, rax
        jz full
        mov rdi, rax
        mov esi, 1
        mov edx, 1 << 20
        call memset
        jmp next
full:   mov eax, 3
        add rsp, 8
        ret
        section .note.GNU-stack noalloc noexec nowrite progbits
