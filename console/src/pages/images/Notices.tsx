import { Alert } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { Told } from '../../components/Told'

const text = (value: unknown) => (typeof value === 'string' ? value : '')
const told = (value: unknown) => text(value) && <Told>{text(value)}</Told>

/** The notices at the top of an image's page: why it was not made, what holds it back, what somebody answers for. */
export function Notices({ image }: { image: Image }) {
  const { t } = useTranslation()
  const hold = image.os_effigy_public
  const sharing = image.os_effigy_sharing
  return (
    <>
      <Notice type="error" title={t('image.whyNot')}>{told(image.effigy.reason)}</Notice>
      {hold && (
        <Notice type={hold === 'held' ? 'warning' : 'info'} title={t(`hold.${hold}Title`)}>
          {told(image.os_effigy_public_why)} <span className="quiet">{t('hold.what')}</span>
        </Notice>
      )}
      {sharing && (
        <Notice type={sharing === 'held' ? 'warning' : 'info'} title={t(`hold.sharing.${sharing}Title`)}>
          {told(image.os_effigy_sharing_why)} <span className="quiet">{t('hold.what')}</span>
        </Notice>
      )}
      <Notice type="info" title={t('hold.reason')}>{image.visibility === 'public' && text(image.effigy_public_reason)}</Notice>
      <Notice type="warning" title={t('hold.sysprep')}>{text(image.effigy_sysprep_reason)}</Notice>
      <Notice type="warning" title={t('hold.warned')}>{told(image.effigy_sysprep_warning)}</Notice>
    </>
  )
}

/** Nothing, when there is nothing to say. */
function Notice({ type, title, children }: { type: 'error' | 'warning' | 'info'; title: string; children: ReactNode }) {
  return children ? <Alert type={type} showIcon className="notice" title={title} description={children} /> : null
}
