/** The words: one language at a time in a page, given by whoever loads it from `locales/`. */
import type zhCN from '../../locales/zh-CN.json'

export type WordKey = keyof typeof zhCN
export type Words = Record<WordKey, string>

let words: Partial<Words> = {}
let tag = 'zh-CN'

/** Return the nearest language that we have; Simplified Chinese when in doubt. */
export function nearestLocale(wanted: string | null | undefined): string {
  const lower = (wanted ?? '').toLowerCase()
  if (/^zh-(tw|hk|mo|hant)/.test(lower)) return 'zh-TW'
  return lower.startsWith('en') ? 'en' : 'zh-CN'
}

/** Speak this language from now on; what is drawn already stays as it is. */
export function useWords(locale: string, given: Partial<Words>): void {
  tag = locale
  words = given
}

export function currentLocale(): string {
  return tag
}

export function t(key: WordKey, values: Record<string, string | number> = {}): string {
  const text = words[key] ?? key
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** The word for one of the server's codes, or the fallback where we have none for it. */
export function wordFor(group: string, code: string, fallback = code): string {
  const key = `${group}.${code}`
  return key in words ? t(key as WordKey) : fallback
}

export function formatPrice(fen: number): string {
  const yuan = fen / 100
  const digits = Number.isInteger(yuan) ? 0 : 2
  return `\u00A5${yuan.toLocaleString('en-US', { minimumFractionDigits: digits, useGrouping: false })}`
}
