import { Button, Progress } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { PageHead } from '../components/PageHead'
import { useActivity } from '../components/useActivity'
import { bytes } from '../lib/bytes'
import { paths } from '../paths'
import { Empty } from '../ui/Empty'

/** The page of uploads and images under way. */
export function Activity() {
  const { t } = useTranslation()
  const doing = useActivity()
  return (
    <>
      <PageHead title={t('activity.title')} />
      <div className="card">
        {doing.length === 0 && <Empty title={t('activity.empty')} what={t('activity.emptyWhat')} />}
        {doing.map(({ id, name, kind, percent, sent, size, cancel }) => (
          <div key={id} className="card-row" style={{ display: 'flex', gap: 16, padding: '12px 16px', alignItems: 'center' }}>
            <div style={{ flex: 1, minWidth: 0 }}>
              <Link className="name-cell" to={paths.image(id)}>{name}</Link>
              <div className="quiet number">{kind === 'upload' ? t('activity.upload', { sent: bytes(sent), size: bytes(size) }) : t('activity.image')}</div>
            </div>
            <Progress style={{ width: 240, margin: 0 }} percent={percent ?? 0} size="small" aria-label={name} />
            {cancel && <Button size="small" onClick={cancel}>{t('upload.cancel')}</Button>}
          </div>
        ))}
      </div>
    </>
  )
}
