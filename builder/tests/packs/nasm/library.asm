; The C library: sort, square root, time, threads.
        default rel
        global main
        extern printf, qsort, gmtime, strftime, puts, pthread_create, pthread_join
        section .text
main:   push rbx
        lea rdi, [numbers]
        mov esi, 6
        mov edx, 4
        lea rcx, [ascending]
        call qsort
        lea rdi, [sorted]
        mov esi, [numbers]
        mov edx, [numbers+4]
        mov ecx, [numbers+8]
        mov r8d, [numbers+12]
        mov r9d, [numbers+16]
        sub rsp, 8
        movsxd rax, dword [numbers+20]
        push rax
        xor eax, eax
        call printf
        add rsp, 16
        sqrtsd xmm0, [two]
        lea rdi, [root]
        mov eax, 1
        call printf
        lea rdi, [billion]
        call gmtime
        mov rcx, rax
        lea rdi, [stamp]
        mov esi, 32
        lea rdx, [date]
        call strftime
        lea rdi, [stamp]
        call puts
        xor ebx, ebx
start:  lea rdi, [threads+rbx*8]
        xor esi, esi
        lea rdx, [quarter]
        mov rcx, rbx
        call pthread_create
        inc ebx
        cmp ebx, 4
        jb start
        xor ebx, ebx
join:   mov rdi, [threads+rbx*8]
        xor esi, esi
        call pthread_join
        inc ebx
        cmp ebx, 4
        jb join
        mov rsi, [sums]
        add rsi, [sums+8]
        add rsi, [sums+16]
        add rsi, [sums+24]
        lea rdi, [total]
        xor eax, eax
        call printf
        xor eax, eax
        pop rbx
        ret

quarter:
        imul rax, rdi, 250000
        mov ecx, 250000
        xor edx, edx
.next:  inc rax
        add rdx, rax
        loop .next
        lea rax, [sums]
        mov [rax+rdi*8], rdx
        xor eax, eax
        ret

ascending:
        mov eax, [rdi]
        sub eax, [rsi]
        ret
        section .data
numbers: dd 3, -5, 9, 0, 8, -1
billion: dq 1000000000
        section .rodata
two:    dq 2.0
sorted: db "sort %d %d %d %d %d %d", 10, 0
root:   db "sqrt %.6f", 10, 0
date:   db "time %Y-%m-%dT%H:%M:%SZ", 0
total:  db "threads %ld", 10, 0
        section .bss
stamp:  resb 32
threads: resq 4
sums:   resq 4
        section .note.GNU-stack noalloc noexec nowrite progbits
