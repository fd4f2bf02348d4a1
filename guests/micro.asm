; micro: a guest of one boot sector, for tests that need a real machine and no patience.
;
;   nasm -f bin -o micro.bin micro.asm       then the label as text in sector 1 of the disk
;
; When it starts it counts the boot in sector 2 and says, on COM1 and on the screen:
;
;   MICRO-READY <label> <boots: four hex digits> OK        (or DISK-ERR)
;
; so that a console log alone proves which image a clone came from and that its disk is its own.
; The ACPI power button makes it say MICRO-DOWN and switch off. It obeys these letters on COM1:
;
;   w  writes sector 4 full of "MW", says !
;   f  writes 16 MiB of noise that does not compress, from 1 MiB on, each f further; says ! when done
;   r  reboots      o  switches off      p  is echoed, then hangs with interrupts off
;   z  is echoed; then it is deaf: the button's next press is forgotten, as by a kernel that still starts
;   any other letter is echoed
;
; Times under emulation: 0.3 s to the first line, about a second for an f.

        bits 16
        cpu 386
        org 0x7c00

PM_STATUS equ 0x600             ; ACPI registers where SeaBIOS puts them on both of QEMU's PC boards
PM_ENABLE equ 0x602
PM_CONTROL equ 0x604
POWER_BUTTON equ 0x100
SOFT_OFF equ 0x2000             ; SLP_EN with the type that means "off" on these boards
COM_DATA equ 0x3f8
COM_INTERRUPTS equ 0x3f9
COM_STATUS equ 0x3fd
BUFFER equ 0x8000               ; 32 KiB up to 0xffff
BURST equ 64                    ; sectors of one write: the whole buffer
FILL equ 16 * 1024 * 1024 / (BURST * 512)

start:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov [drive], dl
        mov dx, COM_INTERRUPTS  ; the port is polled
        out dx, al
        mov dx, PM_ENABLE       ; the button sets its status bit instead of doing nothing
        mov ax, POWER_BUTTON
        out dx, ax
        sti

        mov si, ready
        call print
        mov al, 1
        call read
        jc broken
        mov byte [BUFFER + 64], 0
        mov si, BUFFER
        call print
        mov al, ' '
        call put
        mov al, 2
        call read
        jc broken
        inc word [BUFFER]
        mov dx, [BUFFER]
        call print_hex
        mov al, 2
        call write
        mov si, fine
        jnc said
broken: mov si, failed
said:   call print

; Waits for the button or a command; the timer's interrupt ends each hlt.
idle:   mov dx, PM_STATUS
        in ax, dx
        test ah, POWER_BUTTON >> 8
        jnz down
        mov dx, COM_STATUS
        in al, dx
        test al, 1
        jnz command
        hlt
        jmp idle

command:
        mov dx, COM_DATA
        in al, dx
        cmp al, 'o'
        je down
        cmp al, 'p'
        je freeze
        cmp al, 'r'
        je reboot
        cmp al, 'z'
        je deaf
        cmp al, 'f'
        je fill
        cmp al, 'w'
        jne answer
        mov ax, 'MW'
        mov di, BUFFER
        mov cx, 256
        rep stosw
        mov al, 4
        call write
done:   mov al, '!'
answer: call put
        jmp idle

deaf:   call put
        mov dx, PM_STATUS
.press: in ax, dx
        test ah, POWER_BUTTON >> 8
        jz .press
        out dx, ax              ; a bit that is written is cleared
        jmp idle

; Noise by a linear congruence whose upper half alone is kept, seeded with the time since power on.
fill:   mov ebx, [0x46c]
        add ebx, [place]
        mov bp, FILL
.burst: mov di, BUFFER
        mov cx, BURST * 256
.word:  imul ebx, ebx, 1664525
        add ebx, 1013904223
        mov eax, ebx
        shr eax, 16
        stosw
        loop .word
        mov byte [sectors], BURST
        mov eax, [place]
        mov [sector], eax
        add dword [place], BURST
        mov ah, 0x43
        call disk
        jc broken
        dec bp
        jnz .burst
        jmp done

down:   mov si, bye
        call print
        mov dx, PM_CONTROL
        mov ax, SOFT_OFF
        out dx, ax
hang:   cli
        hlt
        jmp hang
freeze: call put                ; echoed first, so that a test knows that it is past the button
        jmp hang

reboot: jmp 0xffff:0

; Reads or writes the one sector whose number is in al; carry set on failure.
read:   mov ah, 0x42
        jmp one
write:  mov ah, 0x43
one:    mov byte [sectors], 1
        movzx ecx, al
        mov [sector], ecx
disk:   mov al, 0
        mov si, packet
        mov dl, [drive]
        int 0x13
        ret

; Prints dx as four hex digits.
print_hex:
        mov cx, 4
.digit: rol dx, 4
        mov al, dl
        and al, 15
        cmp al, 10
        sbb al, 0x69            ; with das: 0..9 to '0'..'9', 10..15 to 'A'..'F'
        das
        or al, 0x20             ; small letters; digits have the bit already
        call put
        loop .digit
        ret

; Prints the text at si up to its zero byte.
print:  lodsb
        test al, al
        jz .end
        call put
        jmp print
.end:   ret

; Prints al on the screen and on the serial port.
put:    pusha
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        popa
        push dx
        push ax
        mov dx, COM_STATUS
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dx, COM_DATA
        out dx, al
        pop dx
        ret

ready:  db 'MICRO-READY ', 0
fine:   db ' OK', 13, 10, 0
failed: db ' DISK-ERR', 13, 10, 0
bye:    db 'MICRO-DOWN', 13, 10, 0

place:  dd 2048                 ; where the next f writes: 1 MiB
packet: db 16, 0                ; int 0x13's disk address packet
sectors: dw 1
        dw BUFFER, 0
sector: dq 0
drive:  db 0

        times 446 - ($ - $$) db 0
        times 64 db 0           ; an empty partition table
        dw 0xaa55
