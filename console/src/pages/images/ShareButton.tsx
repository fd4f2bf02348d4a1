import { ShareAltOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { Why } from '../../components/Why'
import type { Reason } from '../../lib/can'

/** *Share with other projects*; when it is grey, it says why. */
export function ShareButton({ reason, open }: { reason: Reason; open: () => void }) {
  const { t } = useTranslation()
  return (
    <Why reason={reason}>
      <Button icon={<ShareAltOutlined aria-hidden />} disabled={reason !== null} onClick={open}>{t('share.submit')}</Button>
    </Why>
  )
}
