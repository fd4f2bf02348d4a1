import { GlobalOutlined, MoonOutlined, SunOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { choose, type Language, LANGUAGES } from '../i18n'
import { useMode } from '../theme'
import { MenuButton } from './MenuButton'

export function LanguageButton() {
  const { t, i18n } = useTranslation()
  const items = Object.entries(LANGUAGES).map(([key, label]) => ({ key, label: <span lang={key}>{label}</span> }))
  return <MenuButton type="text" icon={<GlobalOutlined />} aria-label={t('prefs.language')} items={items} selected={[i18n.language]} onPick={(key) => void choose(key as Language)} />
}

/** Each language by its own name: nobody has to find it behind a picture in a language they do not read. */
export function Languages() {
  const { t, i18n } = useTranslation()
  return (
    <div role="group" aria-label={t('prefs.language')}>
      {Object.entries(LANGUAGES).map(([key, label]) => (
        <Button key={key} type="text" size="small" lang={key} className={key === i18n.language ? undefined : 'quiet'} aria-pressed={key === i18n.language} onClick={() => void choose(key as Language)}>{label}</Button>
      ))}
    </div>
  )
}

export function ModeButton() {
  const { t } = useTranslation()
  const { mode, toggle } = useMode()
  const isDark = mode === 'dark'
  return (
    <Button type="text" icon={isDark ? <SunOutlined /> : <MoonOutlined />} aria-label={isDark ? t('prefs.light') : t('prefs.dark')} onClick={toggle} />
  )
}
