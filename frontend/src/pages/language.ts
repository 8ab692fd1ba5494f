/** The language of a page: `?lang=`, else Simplified Chinese. */
import en from '../../locales/en.json'
import zhCN from '../../locales/zh-CN.json'
import zhTW from '../../locales/zh-TW.json'
import { nearestLocale, useWords, type Words } from '../chat/i18n'

const LOCALES: Record<string, Words> = { 'zh-CN': zhCN, 'zh-TW': zhTW, en }

export function speak(): void {
  const locale = nearestLocale(new URLSearchParams(location.search).get('lang'))
  useWords(locale, LOCALES[locale]!)
  document.documentElement.lang = locale
}
