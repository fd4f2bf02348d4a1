; The probe guest: 512 bytes that say "PROBE-OK" on the first serial port and halt.
; If these words come out under KVM, guests run under KVM. Assemble: nasm -f bin -o probe.bin probe.asm
bits 16
org 0x7c00
  cli
  xor ax, ax
  mov ds, ax
  mov ss, ax
  mov sp, 0x7c00
  mov si, words
next:
  lodsb
  test al, al
  jz halt
  mov bl, al
  mov dx, 0x3fd
wait_ready:
  in al, dx
  test al, 0x20
  jz wait_ready
  mov dx, 0x3f8
  mov al, bl
  out dx, al
  jmp next
halt:
  hlt
  jmp halt
words: db 'PROBE-OK', 13, 10, 0
times 510-($-$$) db 0
dw 0xaa55
