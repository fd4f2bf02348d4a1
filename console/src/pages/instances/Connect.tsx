import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { type Instance, isChanging } from '../../api/instances'
import { forwardsQuery } from '../../api/network'
import { Failure } from '../../components/Failure'
import { isHere, isWindows, leadsTo, sshLine, tunnelLine, userOf } from '../../lib/connect'
import { CopyBlock } from '../../ui/CopyBlock'

const [SSH, REMOTE_DESKTOP] = [22, 3389]

/** How to get into an instance; or why that is not possible, and what to do. */
export function Connect({ instance, image }: { instance: Instance; image: Image | undefined }) {
  const { t } = useTranslation()
  const isRunning = instance.status === 'ACTIVE'
  const hasNetwork = Object.keys(instance.addresses).length > 0
  const { data: forwards, error } = useQuery({ ...forwardsQuery(instance.id), enabled: isRunning && hasNetwork })
  const say = () => {
    if (!hasNetwork) return <p className="quiet">{t('connect.noNetwork')}</p>
    if (isChanging(instance)) return <p className="quiet">{t('connect.notYet')}</p>
    if (!isRunning) return <p className="quiet">{t('connect.notRunning')}</p>
    if (error) return <Failure error={error} />
    if (!forwards) return <p className="quiet">…</p>
    const port = isWindows(image) ? REMOTE_DESKTOP : SSH
    const place = leadsTo(forwards, port)
    if (!place) return <p className="quiet">{t(isWindows(image) ? 'connect.noDesktopPort' : 'connect.noPort', { port })}</p>
    return isWindows(image) ? <Desktop place={place} /> : <Ssh place={place} instance={instance} image={image} />
  }
  return (
    <section className="card padded connect" aria-labelledby="connect">
      <h2 id="connect">{t('connect.title')}</h2>
      {say()}
    </section>
  )
}

/** Undefined on the host itself. */
const through = () => (isHere(location.hostname) ? undefined : location.hostname)

function Ssh({ place, instance: { key_name: key }, image }: { place: string; instance: Instance; image: Image | undefined }) {
  const { t } = useTranslation()
  const user = userOf(image)
  const host = through()
  return (
    <>
      <CopyBlock label={t('connect.line')} text={sshLine({ place, user, key, through: host })} />
      <ul className="plain-list quiet small">
        <li>{key ? t('connect.key', { name: key }) : t('connect.noKey')}</li>
        {!user && <li>{t('connect.noUser')}</li>}
        {host && <li>{t('connect.through', { host })}</li>}
        <li>{t('connect.booting')}</li>
      </ul>
    </>
  )
}

function Desktop({ place }: { place: string }) {
  const { t } = useTranslation()
  const host = through()
  return (
    <>
      <p className="lead">{t('connect.desktop', { place })}</p>
      {host && <CopyBlock label={t('connect.tunnel')} text={tunnelLine(place, host)} />}
      <ul className="plain-list quiet small">
        {host && <li>{t('connect.through', { host })}</li>}
        <li>{t('connect.windowsPassword')}</li>
      </ul>
    </>
  )
}
