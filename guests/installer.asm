; installer: a CD that installs the micro guest (micro.asm) on the first disk, for tests of installations.
;
;   nasm -f bin -DLABEL='"word"' -i FOLDER/ -o boot.bin installer.asm      FOLDER has micro.bin; installer.sh makes the CD
;
; It writes the boot sector and the label, and says INSTALLED on COM1 (or DISK-ERR).

        bits 16
        org 0x7c00

start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        sti
        mov si, packet
        mov ax, 0x4300
        mov dl, 0x80            ; the first disk; the CD has another number
        int 0x13
        mov si, installed
        jnc print
        mov si, failed
print:  lodsb
        test al, al
        jz idle
        mov ah, al
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dx, 0x3f8
        out dx, al
        jmp print
idle:   hlt
        jmp idle

installed: db 'INSTALLED', 13, 10, 0
failed: db 'DISK-ERR', 13, 10, 0
packet: db 16, 0                ; int 0x13's disk address packet
        dw 2, disk, 0
        dq 0

        times 512 - ($ - $$) db 0
disk:   incbin "micro.bin"
        db LABEL
        times 2048 - ($ - $$) db 0
