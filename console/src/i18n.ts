import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { type Catalogue, sentencesOf, told } from './lib/told'
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

/** The console's own words, and the service's messages. */
const loaders: Record<Language, () => Promise<[{ words: unknown }, { default: Catalogue }]>> = {
  en: async () => [{ words: en }, await import('./locales/messages/en.json')],
  ko: () => Promise.all([import('./locales/ko').then(({ ko }) => ({ words: ko })), import('./locales/messages/ko.json')]),
  ja: () => Promise.all([import('./locales/ja').then(({ ja }) => ({ words: ja })), import('./locales/messages/ja.json')]),
}

let sentences = sentencesOf({})

/** A message of the service in the language spoken now; as it came when the catalogue does not know it. */
export const translated = (message: string) => told(message, sentences) ?? message

export async function speak(language: Language) {
  const [{ words }, { default: catalogue }] = await loaders[language]()
  sentences = sentencesOf(catalogue)
  i18next.addResourceBundle(language, 'translation', words, true, true)
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
