import { useCallback, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'react-router'
import { consoleSocket } from '../../api/instances'
import { Screen } from './Screen'

/** The screen behind an address that a program has asked for: its token is the right to it, so nobody signs in. */
export function ScreenAlone() {
  const { t } = useTranslation()
  const token = new URLSearchParams(useLocation().hash.slice(1)).get('token') ?? ''
  const address = useCallback(() => Promise.resolve(consoleSocket(`/console/vnc?${new URLSearchParams({ token }).toString()}`)), [token])
  useEffect(() => {
    document.title = `${t('console.screen')} · Effigy`
  }, [t])
  return (
    <main className="screen-alone">
      <h1 className="shell-brand">
        <img src="/favicon.svg" alt="" /> {t('console.screen')}
      </h1>
      <Screen address={address} />
    </main>
  )
}
