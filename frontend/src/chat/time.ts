/** Times as people say them, in the clock of the reader. */
import { currentLocale, t } from './i18n'

const DAY = 86_400_000
/** A pause as long as this gets a new time stamp in the log. */
const PAUSE = 5 * 60_000

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}

function format(date: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(currentLocale(), options).format(date)
}

function dayWords(date: Date, now: Date): string {
  const days = Math.round((startOfDay(date) - startOfDay(now)) / DAY)
  if (days === 0) return t('time.today')
  if (days === -1) return t('time.yesterday')
  if (days === 1) return t('time.tomorrow')
  if (days > 1 && days < 7) return format(date, { weekday: 'long' })
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric'
  return format(date, { year, month: 'long', day: 'numeric' })
}

export function clockTime(iso: string): string {
  return format(new Date(iso), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}

/** For example "tomorrow 09:00". Empty if `iso` is no time. */
export function momentWords(iso: string, now = new Date()): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? '' : `${dayWords(date, now)} ${clockTime(iso)}`
}

/** The stamp above a message, or '' where the one before it is close enough. */
export function stampBetween(before: string | undefined, at: string, now = new Date()): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return ''
  const isClose = before !== undefined && date.getTime() - new Date(before).getTime() < PAUSE
  if (isClose) return ''
  return startOfDay(date) === startOfDay(now) ? clockTime(at) : momentWords(at, now)
}
