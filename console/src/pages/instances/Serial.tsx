import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { Alert, Button } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { consoleAddress } from '../../api/instances'
import { useErrorText } from '../../components/useFail'
import { FullScreen } from '../../ui/FullScreen'

/** The guest's serial line. */
export function Serial({ id }: { id: string }) {
  const { t } = useTranslation()
  const text = useErrorText()
  const whole = useRef<HTMLDivElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const [attempt, setAttempt] = useState(0)
  const [ended, setEnded] = useState<string | null>(null)
  useEffect(() => {
    if (!box.current) return
    setEnded(null)
    let socket: WebSocket | undefined
    let isGone = false
    const terminal = new Terminal({ cursorBlink: true, fontSize: 13, scrollback: 5000, screenReaderMode: true, theme: { background: '#0d1117' } })
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    terminal.open(box.current)
    fit.fit()
    const resized = new ResizeObserver(() => fit.fit())
    resized.observe(box.current)
    terminal.onData((typed) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(new TextEncoder().encode(typed))
    })
    consoleAddress(id, 'serial')
      .then((address) => {
        if (isGone) return
        socket = new WebSocket(address, ['binary'])
        socket.binaryType = 'arraybuffer'
        socket.onopen = () => terminal.focus()
        socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(data))
        socket.onclose = () => !isGone && setEnded('')
      })
      .catch((error: unknown) => !isGone && setEnded(text(error).what))
    return () => {
      isGone = true
      socket?.close()
      resized.disconnect()
      terminal.dispose()
    }
  }, [id, attempt, text])
  const again = <Button size="small" onClick={() => setAttempt(attempt + 1)}>{t('console.again')}</Button>
  return (
    <div className="console" ref={whole}>
      {ended !== null && <Alert type="warning" showIcon style={{ marginBottom: 10 }} title={t('console.ended')} description={ended} action={again} />}
      <div className="toolbar"><FullScreen of={whole} /></div>
      <div className="screen serial" ref={box} role="group" aria-label={t('console.serial')} />
    </div>
  )
}
