        default rel
        global main
        extern printf
        section .text
main:   sub rsp, 8
        mov edi, 100000
        call sum
        mov rsi, rax
        lea rdi, [format]
        xor eax, eax
        call printf
        xor eax, eax
        add rsp, 8
        ret
sum:    mov rax, rdi
        test rdi, rdi
        jz .done
        push rdi
        dec rdi
        call sum
        pop rdi
        add rax, rdi
.done:  ret
        section .rodata
format: db "%ld", 10, 0
        section .note.GNU-stack noalloc noexec nowrite progbits
