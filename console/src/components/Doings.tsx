import { CloudServerOutlined, HddOutlined } from '@ant-design/icons'
import { App, Button, Progress } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { deleteImage } from '../api/images'
import type { Activity } from '../api/project'
import { bytes } from '../lib/bytes'
import { canChange } from '../lib/can'
import { visible } from '../lib/text'
import { paths } from '../paths'
import { Ago } from './Ago'
import { Name } from './Name'
import { StatusMark } from './StatusBadge'
import { Told } from './Told'
import type { Doing } from './useActivity'
import { useFail } from './useFail'
import { useSession } from './useSession'

/** The roads to an image that end with its record. */
const CANCELLED_BY_DELETING = ['upload', 'stage', 'parts', 'import', 'capture', 'clean']

/** The thing, as a link while it is there, and what is or was done to it. */
function About({ of }: { of: Activity }) {
  const { t, i18n } = useTranslation()
  const { thing, id, name, action, is_there, message } = of
  const key = `doing.${thing}.${action}`
  return (
    <div className="about">
      <span className="quiet" aria-hidden>{thing === 'image' ? <HddOutlined /> : <CloudServerOutlined />}</span>
      <div>
        {is_there ? <Link to={thing === 'image' ? paths.image(id) : paths.instance(id)}><Name>{name ?? id}</Name></Link> : <Name>{name ?? id}</Name>}{' '}
        <span className="quiet">{i18n.exists(key) ? t(key as 'doing.image.upload') : action}</span>
        {message && <div className="quiet small message"><Told>{message}</Told></div>}
      </div>
    </div>
  )
}

/** Things that are under way, with how far they are and the way to end them. */
export function UnderWay({ doings }: { doings: Doing[] }) {
  const { t } = useTranslation()
  const { modal } = App.useApp()
  const fail = useFail()
  const session = useSession()
  const cancelOf = ({ id, name, thing, action, upload }: Doing) => {
    if (upload) return upload.cancel
    if (thing !== 'image' || !CANCELLED_BY_DELETING.includes(action) || !canChange(session)) return undefined
    return () =>
      void modal.confirm({
        title: t('doing.cancelTitle', { name: visible(name ?? id) }),
        content: t('doing.cancelWhat'),
        okText: t('doing.cancelSubmit'),
        okButtonProps: { danger: true },
        cancelText: t('doing.goOn'),
        onOk: () => deleteImage(id).catch((error: unknown) => fail(t('doing.cancelSubmit'), error)),
      })
  }
  return (
    <ul className="doings">
      {doings.map((doing) => {
        const cancel = cancelOf(doing)
        const { name, id, progress, upload } = doing
        return (
          <li key={`${doing.thing} ${id} ${doing.begun_at}`}>
            <About of={doing} />
            <div className="doing-state">
              {upload && <span className="quiet number small">{t('doing.sent', { sent: bytes(upload.sent), size: bytes(upload.size) })}</span>}
              {progress === null ? <StatusMark mood="moving">{t('doing.underWay')}</StatusMark> : <Progress percent={progress} size="small" aria-label={name ?? id} />}
              {cancel && <Button size="small" aria-label={t('doing.cancel', { name: visible(name ?? id) })} onClick={cancel}>{t('upload.cancel')}</Button>}
            </div>
          </li>
        )
      })}
    </ul>
  )
}

/** Things that ended, with how. */
export function Ended({ all }: { all: Activity[] }) {
  const { t } = useTranslation()
  return (
    <ul className="doings">
      {all.map((one) => (
        <li key={`${one.thing} ${one.id} ${one.action} ${one.begun_at}`}>
          <About of={one} />
          <div className="doing-state">
            <StatusMark mood={one.state === 'failed' ? 'bad' : 'good'}>{t(one.state === 'failed' ? 'outcome.failed' : 'outcome.done')}</StatusMark>
            <span className="quiet"><Ago at={one.ended_at ?? one.begun_at} /></span>
          </div>
        </li>
      ))}
    </ul>
  )
}
