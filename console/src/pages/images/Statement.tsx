import { DownloadOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { statementCommand } from '../../lib/commands'
import { saveText } from '../../lib/save'
import { CopyBlock } from '../../ui/CopyBlock'
import { Dialog } from '../../ui/Dialog'

/** The signed statement as a file, and the commands that check it without the service. */
export function Statement({ image, statement, onClose }: { image: Image; statement: unknown; onClose: () => void }) {
  const { t } = useTranslation()
  const file = `${image.id}.statement.json`
  const save = () => saveText(file, `${JSON.stringify(statement, null, 2)}\n`)
  // Only what was uploaded has a file whose hash the statement names.
  const named = image.os_hash_value && image.disk_format ? `IMAGE.${image.disk_format}` : ''
  return (
    <Dialog
      title={t('verification.statement')}
      width={640}
      onCancel={onClose}
      footer={<><Button onClick={onClose}>{t('verification.close')}</Button><Button type="primary" icon={<DownloadOutlined aria-hidden />} onClick={save}>{t('verification.download')}</Button></>}
    >
      <p style={{ marginTop: 0 }}>{t('verification.statementWhat')}</p>
      <CopyBlock label={t('verification.check')} text={statementCommand(location.origin, file, named)} />
    </Dialog>
  )
}
