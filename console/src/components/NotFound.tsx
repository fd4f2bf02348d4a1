import { Button, Result } from 'antd'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { paths } from '../paths'

/** The answer at an address without a page; `title` says why there is none, where that is known. */
export function NotFound({ title }: { title?: string }) {
  const { t } = useTranslation()
  const text = title ?? t('notFound.title')
  useEffect(() => {
    document.title = `${text} · Effigy`
  }, [text])
  return <Result status="404" title={<h1 className="result-title">{text}</h1>} extra={<Link to={paths.home}><Button>{t('nav.home')}</Button></Link>} />
}
