; uefi: a guest that only UEFI boots, for tests of the firmware.
;
;   nasm -f bin -o BOOTX64.EFI uefi.asm      then as \EFI\BOOT\BOOTX64.EFI on a FAT (uefi.sh)
;
; It counts its boots in a variable of the firmware, and says on COM1 that count and the size of the disk's sectors:
;
;   UEFI-READY <boots: four hex digits> <bytes of a sector: four hex digits>
;
; The letter o on COM1 switches it off.

        bits 64
        org 0

; ---- the headers of a program for UEFI (PE32+): one section, from 0x1000 on in memory and 0x200 in the file ----
        db 'MZ'
        times 58 db 0
        dd 0x40
        db 'PE', 0, 0
        dw 0x8664, 1            ; x86_64, one section
        dd 0, 0, 0
        dw 0xf0, 0x0206
        dw 0x20b, 0
        dd 0x200, 0, 0, 0x1000, 0x1000
        dq 0x400000
        dd 0x1000, 0x200
        dw 0, 0, 0, 0, 0, 0
        dd 0, 0x2000, 0x200, 0
        dw 10, 0                ; an application for UEFI
        dq 0x10000, 0x10000, 0x10000, 0x10000
        dd 0, 16
        times 128 db 0
        db '.text', 0, 0, 0
        dd 0x200, 0x1000, 0x200, 0x200, 0, 0
        dw 0, 0
        dd 0xe0000020
        times 0x200 - ($ - $$) db 0

; ---- rcx: the handle of this image; rdx: the system table ----
start:  sub rsp, 0x48
        mov r12, rcx
        mov r14, [rdx + 96]     ; boot services
        mov r15, [rdx + 88]     ; runtime services

        lea rcx, [rel name]
        lea rdx, [rel vendor]
        xor r8d, r8d
        lea r9, [rel size]
        lea rax, [rel boots]
        mov [rsp + 32], rax
        call [r15 + 72]         ; GetVariable; there is none at the first boot
        inc word [rel boots]
        lea rcx, [rel name]
        lea rdx, [rel vendor]
        mov r8d, 7              ; kept without power, seen at boot and at run time
        mov r9d, 2
        lea rax, [rel boots]
        mov [rsp + 32], rax
        call [r15 + 88]         ; SetVariable

        mov rcx, r12
        lea rdx, [rel loaded_image]
        call protocol
        mov rcx, [rax + 24]     ; the device it was loaded from
        lea rdx, [rel block_io]
        call protocol
        mov rax, [rax + 8]      ; its medium
        mov r13d, [rax + 12]    ; bytes of its blocks

        lea rsi, [rel ready]
        call print
        movzx ebx, word [rel boots]
        call hex
        mov al, ' '
        call put
        mov ebx, r13d
        call hex
        lea rsi, [rel end]
        call print

idle:   mov dx, 0x3fd
        in al, dx
        test al, 1
        jz idle
        mov dx, 0x3f8
        in al, dx
        cmp al, 'o'
        jne idle
        mov ecx, 2              ; off
        xor edx, edx
        xor r8d, r8d
        xor r9d, r9d
        call [r15 + 104]        ; ResetSystem

; The protocol at rdx of the handle rcx, in rax.
protocol:
        sub rsp, 0x28
        lea r8, [rel found]
        call [r14 + 152]        ; HandleProtocol
        mov rax, [rel found]
        add rsp, 0x28
        ret

; Prints bx as four hex digits.
hex:    mov ecx, 4
.digit: rol bx, 4
        mov al, bl
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe .put
        add al, 'a' - '9' - 1
.put:   call put
        loop .digit
        ret

print:  lodsb
        test al, al
        jz .end
        call put
        jmp print
.end:   ret

put:    mov ah, al
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dx, 0x3f8
        out dx, al
        ret

ready:  db 'UEFI-READY ', 0
end:    db 13, 10, 0
        align 8
size:   dq 2
found:  dq 0
boots:  dw 0
name:   dw 'B', 'o', 'o', 't', 's', 0
vendor: db 'effigy uefi test'
loaded_image:
        db 0xa1, 0x31, 0x1b, 0x5b, 0x62, 0x95, 0xd2, 0x11, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b
block_io:
        db 0x21, 0x5b, 0x4e, 0x96, 0x59, 0x64, 0xd2, 0x11, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b
        times 0x400 - ($ - $$) db 0
