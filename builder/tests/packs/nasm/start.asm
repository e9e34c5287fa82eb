        global _start
        section .text
_start: mov eax, 1
        mov edi, 1
        lea rsi, [rel text]
        mov edx, size
        syscall
        mov eax, 60
        xor edi, edi
        syscall
        section .rodata
text:   db "started", 10
size    equ $ - text
        section .note.GNU-stack noalloc noexec nowrite progbits
