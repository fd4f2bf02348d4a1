declare module '@novnc/novnc' {
  /** A VNC session in an element. */
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, url: string, options?: { shared?: boolean; wsProtocols?: string[] })
    scaleViewport: boolean
    background: string
    disconnect(): void
    sendCtrlAltDel(): void
    /** Presses or releases a key, by its X11 keysym. */
    sendKey(keysym: number, code: string | null, down: boolean): void
  }
}
