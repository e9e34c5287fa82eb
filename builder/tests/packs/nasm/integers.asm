        default rel
        global main
        extern scanf, printf, malloc, qsort
        section .text
main:   push rbx
        push r12
        push r13
        push r14
        push r15
        lea rdi, [format]
        lea rsi, [count]
        xor eax, eax
        call scanf
        mov edi, [count]
        shl rdi, 2
        call malloc
        mov rbx, rax            ; the numbers
        xor r12d, r12d          ; how many are read
        xor r13d, r13d          ; their sum
        xor r14d, r14d          ; xor of all
next:   cmp r12d, [count]
        je sort
        lea rdi, [format]
        lea rsi, [rbx+r12*4]
        xor eax, eax
        call scanf
        movsxd rax, dword [rbx+r12*4]
        add r13, rax
        xor r14d, eax
        inc r12d
        jmp next
sort:   mov rdi, rbx
        mov esi, r12d
        mov edx, 4
        lea rcx, [ascending]
        call qsort
        shr r12d, 1
        lea rdi, [result]
        mov rsi, r13
        mov edx, r14d
        mov ecx, [rbx+r12*4]
        xor eax, eax
        call printf
        xor eax, eax
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbx
        ret

ascending:
        xor eax, eax
        mov ecx, [rdi]
        cmp ecx, [rsi]
        setg al
        setl cl
        movzx ecx, cl
        sub eax, ecx
        ret
        section .rodata
format: db "%d", 0
result: db "sum %ld", 10, "xor %d", 10, "median %d", 10, 0
        section .bss
count:  resd 1
        section .note.GNU-stack noalloc noexec nowrite progbits
