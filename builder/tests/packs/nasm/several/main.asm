        global main
        extern fopen, fgets, printf
        %include "lib/util.inc"
        section .text
main:   sub rsp, 8
        lea rdi, [rel name]
        lea rsi, [rel mode]
        call fopen
        lea rdi, [rel line]
        mov esi, 64
        mov rdx, rax
        call fgets
        lea rdi, [rel greet]
        lea rsi, [rel line]
        xor eax, eax
        call printf
        xor eax, eax
        add rsp, 8
        ret
        section .rodata
name:   db "data.txt", 0
mode:   db "r", 0
        section .bss
line:   resb 64
        section .note.GNU-stack noalloc noexec nowrite progbits
