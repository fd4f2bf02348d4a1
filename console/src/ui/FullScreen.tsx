import { FullscreenExitOutlined, FullscreenOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { type RefObject, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'

function subscribe(changed: () => void): () => void {
  document.addEventListener('fullscreenchange', changed)
  return () => document.removeEventListener('fullscreenchange', changed)
}

/** Shows an element on the whole screen, and back; not there where the browser does not do that. */
export function FullScreen({ of }: { of: RefObject<HTMLElement | null> }) {
  const { t } = useTranslation()
  const isFull = useSyncExternalStore(subscribe, () => document.fullscreenElement !== null)
  if (!document.fullscreenEnabled) return null
  const toggle = () => (isFull ? document.exitFullscreen() : of.current?.requestFullscreen())
  return (
    <Button size="small" icon={isFull ? <FullscreenExitOutlined aria-hidden /> : <FullscreenOutlined aria-hidden />} onClick={() => void toggle()}>
      {isFull ? t('console.leaveFull') : t('console.full')}
    </Button>
  )
}
