import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { type Instance, isChanging, isRunning } from '../../api/instances'
import { type Forward, forwardsQuery } from '../../api/network'
import { Failure } from '../../components/Failure'
import { useSession } from '../../components/useSession'
import { isHere, isWindows, leadsTo, sshLine, tunnelLine, userOf } from '../../lib/connect'
import { CopyBlock } from '../../ui/CopyBlock'

const [SSH, REMOTE_DESKTOP] = [22, 3389]

/** How to get into an instance; or why that is not possible, and what to do. */
export function Connect({ instance, image }: { instance: Instance; image: Image | undefined }) {
  const { t } = useTranslation()
  const { of_cloud: ofCloud } = useSession()
  const runs = isRunning(instance)
  const hasNetwork = Object.keys(instance.addresses).length > 0
  const { data: forwards, error } = useQuery({ ...forwardsQuery(instance.id), enabled: runs && hasNetwork && !ofCloud })
  const say = () => {
    if (!hasNetwork) return <p className="quiet">{t('connect.noNetwork')}</p>
    if (isChanging(instance)) return <p className="quiet">{t('connect.notYet')}</p>
    if (instance.status === 'PAUSED') return <p className="quiet">{t('connect.paused')}</p>
    if (!runs) return <p className="quiet">{t('connect.notRunning')}</p>
    if (ofCloud) return <InCloud instance={instance} image={image} />
    if (error) return <Failure error={error} />
    if (!forwards) return <p className="quiet">…</p>
    const port = isWindows(image) ? REMOTE_DESKTOP : SSH
    const place = leadsTo(forwards, port)
    if (!place) return <p className="quiet">{t(isWindows(image) ? 'connect.noDesktopPort' : 'connect.noPort', { port })}</p>
    return isWindows(image) ? <Desktop place={place.host} /> : <Ssh place={place} instance={instance} image={image} />
  }
  return (
    <section className="card padded connect" aria-labelledby="connect">
      <h2 id="connect">{t('connect.title')}</h2>
      {say()}
    </section>
  )
}

/** In a cloud an instance has addresses of its networks, and no port of a host leads to it. */
function InCloud({ instance, image }: { instance: Instance; image: Image | undefined }) {
  const { t } = useTranslation()
  const all = Object.values(instance.addresses).flat()
  const address = all.find((one) => one['OS-EXT-IPS:type'] === 'floating') ?? all[0]
  const user = userOf(image)
  if (!address) return <p className="quiet">{t('connect.noNetwork')}</p>
  return (
    <>
      {isWindows(image) ? <p className="lead">{t('connect.desktop', { place: address.addr })}</p> : <CopyBlock label={t('connect.line')} text={sshLine({ place: `${address.addr}:${SSH}`, user, key: instance.key_name, through: undefined })} />}
      <ul className="plain-list quiet small">
        <li>{t('cloud.connect')}</li>
        {!user && !isWindows(image) && <li>{t('connect.noUser')}</li>}
      </ul>
    </>
  )
}

/** Undefined on the host itself. */
const through = () => (isHere(location.hostname) ? undefined : location.hostname)

/** Why the port has another number than the guest's. */
const OBSTACLES = { taken: 'connect.obstacle.taken', 'no-right': 'connect.obstacle.noRight', 'no-address': 'connect.obstacle.noAddress' } as const

function Ssh({ place: { host: place, obstacle }, instance: { key_name: key }, image }: { place: Forward; instance: Instance; image: Image | undefined }) {
  const { t } = useTranslation()
  const user = userOf(image)
  const host = through()
  return (
    <>
      <CopyBlock label={t('connect.line')} text={sshLine({ place, user, key, through: host })} />
      <ul className="plain-list quiet small">
        {obstacle && <li>{t(OBSTACLES[obstacle])}</li>}
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
