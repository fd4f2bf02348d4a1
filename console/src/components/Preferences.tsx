import { GlobalOutlined, MoonOutlined, SunOutlined } from '@ant-design/icons'
import { Button, Dropdown } from 'antd'
import { useTranslation } from 'react-i18next'
import { choose, type Language, LANGUAGES } from '../i18n'
import { useMode } from '../theme'

export function LanguageButton() {
  const { t, i18n } = useTranslation()
  const items = Object.entries(LANGUAGES).map(([key, label]) => ({ key, label: <span lang={key}>{label}</span> }))
  return (
    <Dropdown trigger={['click']} autoFocus destroyOnHidden menu={{ items, selectable: true, selectedKeys: [i18n.language], onClick: ({ key }) => void choose(key as Language) }}>
      <Button type="text" icon={<GlobalOutlined />} aria-label={t('prefs.language')} />
    </Dropdown>
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
