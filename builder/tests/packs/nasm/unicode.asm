        default rel
        global main
        extern puts, fgets, stdin, printf, putchar, strcspn
        section .text
main:   push rbx
        push r12
        push r13
        lea rdi, [text]
        call puts
next:   lea rdi, [line]
        mov esi, 256
        mov rdx, [stdin]
        call fgets
        test rax, rax
        jz done
        lea rdi, [line]
        lea rsi, [break]
        call strcspn
        mov rbx, rax            ; bytes
        xor ecx, ecx
        xor esi, esi            ; code points: bytes that do not continue one
        lea rdx, [line]
count:  cmp rcx, rbx
        je show
        mov al, [rdx+rcx]
        and al, 0xC0
        cmp al, 0x80
        setne al
        movzx eax, al
        add esi, eax
        inc rcx
        jmp count
show:   lea rdi, [number]
        xor eax, eax
        call printf
        mov r12, rbx            ; the end of what is left
back:   test rbx, rbx
        jz ended
        dec rbx
        lea rdx, [line]
        mov al, [rdx+rbx]
        and al, 0xC0
        cmp al, 0x80
        je back
        mov r13, rbx
put:    lea rdx, [line]
        movzx edi, byte [rdx+r13]
        call putchar
        inc r13
        cmp r13, r12
        jb put
        mov r12, rbx
        jmp back
ended:  mov edi, 10
        call putchar
        jmp next
done:   xor eax, eax
        pop r13
        pop r12
        pop rbx
        ret
        section .rodata
text:   db "Grüße, Мир, 世界, 😀", 0
break:  db 10, 0
number: db "%d ", 0
        section .bss
line:   resb 256
        section .note.GNU-stack noalloc noexec nowrite progbits
