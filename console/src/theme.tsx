import { App as AntApp, ConfigProvider, theme as antTheme } from 'antd'
import type { Locale } from 'antd/es/locale'
import { createContext, type ReactNode, use, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'

export type Mode = 'light' | 'dark'
const KEPT = 'effigy.mode'
const darkSystem = matchMedia('(prefers-color-scheme: dark)')
const system = (): Mode => (darkSystem.matches ? 'dark' : 'light')

function onSystem(changed: () => void) {
  darkSystem.addEventListener('change', changed)
  return () => darkSystem.removeEventListener('change', changed)
}

const ModeContext = createContext<{ mode: Mode; toggle: () => void }>({ mode: 'light', toggle: () => undefined })
export const useMode = () => use(ModeContext)

const locales: Record<string, () => Promise<{ default: Locale }>> = {
  en: () => import('antd/es/locale/en_US'),
  ko: () => import('antd/es/locale/ko_KR'),
  ja: () => import('antd/es/locale/ja_JP'),
}

/** Colours, sizes and the component library's own words. */
export function Theme({ children }: { children: ReactNode }) {
  const { i18n } = useTranslation()
  const [kept, setKept] = useState(() => localStorage.getItem(KEPT) as Mode | null)
  // Until a person chooses, the console is as dark as the system, also when that changes in the evening.
  const ofSystem = useSyncExternalStore(onSystem, system)
  const mode = kept ?? ofSystem
  const [locale, setLocale] = useState<Locale>()
  useEffect(() => {
    void locales[i18n.language]?.().then((loaded) => setLocale(loaded.default))
  }, [i18n.language])
  useEffect(() => {
    document.documentElement.dataset.mode = mode
    document.documentElement.style.colorScheme = mode
  }, [mode])
  const value = useMemo(
    () => ({
      mode,
      toggle: () => {
        const next = mode === 'dark' ? 'light' : 'dark'
        localStorage.setItem(KEPT, next)
        setKept(next)
      },
    }),
    [mode],
  )
  const isDark = mode === 'dark'
  // Its words arriving later would mount every page a second time.
  if (!locale) return null
  return (
    <ModeContext value={value}>
      <ConfigProvider
        locale={locale}
        button={{ autoInsertSpace: false }}
        theme={{
          algorithm: isDark ? antTheme.darkAlgorithm : antTheme.defaultAlgorithm,
          token: {
            colorPrimary: isDark ? '#2cb5a5' : '#0f766e',
            colorInfoBg: isDark ? '#14302d' : '#e4f3f0',
            colorInfoBorder: isDark ? '#1f4a45' : '#b9ddd7',
            colorInfo: isDark ? '#2cb5a5' : '#0f766e',
            colorLink: isDark ? '#4fc9ba' : '#0f766e',
            colorPrimaryBg: isDark ? '#14302d' : '#e4f3f0',
            colorPrimaryBgHover: isDark ? '#193a36' : '#d6ece8',
            controlItemBgActive: isDark ? '#14302d' : '#e4f3f0',
            controlItemBgActiveHover: isDark ? '#193a36' : '#d6ece8',
            colorTextDescription: isDark ? '#a3abb5' : '#5b6570',
            colorTextTertiary: isDark ? '#a3abb5' : '#5b6570',
            colorTextPlaceholder: isDark ? '#8f99a5' : '#66707b',
            colorTextDisabled: isDark ? '#7f8894' : '#767f89',
            colorError: isDark ? '#f0616d' : '#c8303c',
            colorSuccess: isDark ? '#4cc38a' : '#1a7f4b',
            colorBgLayout: isDark ? '#101418' : '#f5f6f8',
            colorBgContainer: isDark ? '#171c21' : '#ffffff',
            colorBgElevated: isDark ? '#1e242a' : '#ffffff',
            borderRadius: 6,
            fontSize: 14,
            fontFamily: `'Inter', 'Noto Sans', 'Noto Sans KR', 'Noto Sans CJK KR', 'Noto Sans JP', system-ui, -apple-system, 'Segoe UI', sans-serif`,
            motion: !matchMedia('(prefers-reduced-motion: reduce)').matches,
          },
          components: {
            Layout: { headerHeight: 52, headerPadding: '0 16px', headerBg: isDark ? '#171c21' : '#ffffff', siderBg: isDark ? '#171c21' : '#ffffff' },
            Button: { ...(isDark && { colorError: '#ff8f96', colorErrorHover: '#ffb0b5', dangerColor: '#2b0a0d' }), primaryColor: isDark ? '#04211d' : '#ffffff', primaryShadow: 'none', defaultShadow: 'none' },
            Dropdown: { ...(isDark && { colorError: '#ff8f96', colorTextLightSolid: '#2b0a0d' }) },
            Menu: { itemSelectedColor: isDark ? '#67dccd' : '#0b5f58', itemBorderRadius: 6, itemHeight: 36, activeBarBorderWidth: 0 },
            Table: { cellPaddingBlockMD: 9, cellPaddingInlineMD: 12, headerBorderRadius: 6 },
            Tabs: { horizontalMargin: '0 0 12px 0' },
          },
        }}
      >
        <AntApp notification={{ placement: 'bottomRight' }}>{children}</AntApp>
      </ConfigProvider>
    </ModeContext>
  )
}
