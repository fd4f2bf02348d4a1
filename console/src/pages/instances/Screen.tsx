import RFB from '@novnc/novnc'
import { Alert, Button } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useErrorText } from '../../components/useFail'
import { pressesOf } from '../../lib/keys'
import { FullScreen } from '../../ui/FullScreen'
import { PasteText } from './PasteText'

/** A keyboard's controller holds few keys at once: the guest gets a moment for each sign. */
const SIGN_MS = 20

/** The guest's screen, keyboard and mouse. `address` asks for its WebSocket; another function opens another screen. */
export function Screen({ address }: { address: () => Promise<string> }) {
  const { t } = useTranslation()
  const text = useErrorText()
  const whole = useRef<HTMLDivElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const screen = useRef<RFB>(null)
  const out = useRef<HTMLButtonElement>(null)
  const [attempt, setAttempt] = useState(0)
  const [state, setState] = useState<'opening' | 'open' | 'ended'>('opening')
  const [why, setWhy] = useState('')
  const [isPasting, setPasting] = useState(false)
  useEffect(() => {
    const place = box.current
    if (!place) return
    let isGone = false
    // The guest gets every key, but for this way out of it.
    const leave = (event: KeyboardEvent) => {
      if (!event.ctrlKey || !event.altKey || !event.shiftKey) return
      event.preventDefault()
      event.stopPropagation()
      out.current?.focus()
    }
    place.addEventListener('keydown', leave, { capture: true })
    setState('opening')
    address()
      .then((url) => {
        if (isGone) return
        const rfb = new RFB(place, url, { shared: true, wsProtocols: ['binary'] })
        rfb.scaleViewport = true
        rfb.background = '#0d1117'
        rfb.addEventListener('connect', () => setState('open'))
        rfb.addEventListener('disconnect', () => !isGone && setState('ended'))
        screen.current = rfb
      })
      .catch((error: unknown) => {
        if (isGone) return
        setWhy(text(error).what)
        setState('ended')
      })
    return () => {
      isGone = true
      place.removeEventListener('keydown', leave, { capture: true })
      screen.current?.disconnect()
      screen.current = null
    }
  }, [address, attempt, text])
  const type = async (text: string) => {
    const to = screen.current
    for (const sign of text) {
      // Another connection, or none: nobody waits for the rest.
      if (to === null || screen.current !== to) return
      pressesOf(sign).forEach(({ key, isDown }) => to.sendKey(key, null, isDown))
      await new Promise((resolve) => setTimeout(resolve, SIGN_MS))
    }
  }
  const paste = async () => {
    // A dialog is part of the page, which a full screen covers.
    if (document.fullscreenElement) await document.exitFullscreen()
    setPasting(true)
  }
  const again = <Button size="small" onClick={() => setAttempt(attempt + 1)}>{t('console.again')}</Button>
  return (
    <div className="console" ref={whole}>
      {state === 'ended' && <Alert type="warning" showIcon style={{ marginBottom: 10 }} title={t('console.ended')} description={why} action={again} />}
      <div className="toolbar">
        <Button ref={out} size="small" disabled={state !== 'open'} onClick={() => screen.current?.sendCtrlAltDel()}>Ctrl+Alt+Del</Button>
        <Button size="small" disabled={state !== 'open'} onClick={() => void paste()}>{t('console.paste')}</Button>
        <FullScreen of={whole} />
        <span className="quiet">{t('console.wayOut')}</span>
        <span className="quiet" role="status">{state === 'open' ? t('console.connected') : state === 'opening' ? t('console.opening') : ''}</span>
      </div>
      <div className="screen" ref={box} data-state={state} role="group" aria-label={t('console.screen')} />
      {isPasting && <PasteText onType={(text) => void type(text)} onClose={() => setPasting(false)} />}
    </div>
  )
}
