import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { en, type Messages } from './locales/en'

export const LANGUAGES = { ko: '한국어', en: 'English', ja: '日本語' } as const
export type Language = keyof typeof LANGUAGES

const isLanguage = (word: string): word is Language => word in LANGUAGES
const KEPT = 'effigy.language'

/** The language that the person chose, or else the one that the browser prefers. */
function first(): Language {
  const kept = localStorage.getItem(KEPT)
  const wanted = [kept ?? '', ...navigator.languages].map((tag) => tag.split('-')[0] ?? '')
  return wanted.find(isLanguage) ?? 'en'
}

const loaders: Record<Language, () => Promise<{ messages: unknown }>> = {
  en: async () => ({ messages: en }),
  ko: async () => ({ messages: (await import('./locales/ko')).ko }),
  ja: async () => ({ messages: (await import('./locales/ja')).ja }),
}

export async function speak(language: Language) {
  const { messages } = await loaders[language]()
  i18next.addResourceBundle(language, 'translation', messages, true, true)
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}

export function choose(language: Language) {
  localStorage.setItem(KEPT, language)
  return speak(language)
}

export async function startLanguages() {
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: en } },
    lng: 'en',
    fallbackLng: 'en',
    // React writes text, never markup.
    interpolation: { escapeValue: false },
  })
  await speak(first())
}

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: Messages }
  }
}
