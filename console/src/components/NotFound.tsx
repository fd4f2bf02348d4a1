import { Button, Result } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { paths } from '../paths'

export function NotFound() {
  const { t } = useTranslation()
  return <Result status="404" title={t('notFound.title')} extra={<Link to={paths.instances}><Button>{t('nav.instances')}</Button></Link>} />
}
