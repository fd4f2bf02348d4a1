import { SearchOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

const Palette = lazy(async () => ({ default: (await import('./Palette')).Palette }))

/** The way to anything by its name, also by Ctrl+K; its code comes when it is first opened. */
export function PaletteButton() {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== 'k') return
      // A guest's screen or console takes every key itself.
      if (event.target instanceof Element && event.target.closest('.screen')) return
      event.preventDefault()
      setOpen(true)
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
  return (
    <>
      <Button type="text" icon={<SearchOutlined />} aria-label={t('palette.open')} aria-keyshortcuts="Control+K" title={t('palette.hint')} onClick={() => setOpen(true)} />
      {isOpen && <Suspense fallback={null}><Palette onClose={() => setOpen(false)} /></Suspense>}
    </>
  )
}
