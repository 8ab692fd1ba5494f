/** Times as people say them, in the shop's clock: "till 18:00" means the shop's 18:00 everywhere. */
import { currentLocale, t } from './i18n'

const ZONE = 'Asia/Shanghai'
/** China keeps one time, eight hours ahead, all year. */
const AHEAD = 8 * 3_600_000
const DAY = 86_400_000
/** A pause as long as this gets a new time stamp in the log. */
const PAUSE = 5 * 60_000

/** Days since 1970 on the shop's calendar. */
function dayOf(date: Date): number {
  return Math.floor((date.getTime() + AHEAD) / DAY)
}

function format(date: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(currentLocale(), { timeZone: ZONE, ...options }).format(date)
}

function dayWords(date: Date, now: Date): string {
  const days = dayOf(date) - dayOf(now)
  if (days === 0) return t('time.today')
  if (days === -1) return t('time.yesterday')
  if (days === 1) return t('time.tomorrow')
  if (days > 1 && days < 7) return format(date, { weekday: 'long' })
  const isThisYear = format(date, { year: 'numeric' }) === format(now, { year: 'numeric' })
  return format(date, { year: isThisYear ? undefined : 'numeric', month: 'long', day: 'numeric' })
}

export function clockTime(iso: string): string {
  return format(new Date(iso), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}

/** For example "tomorrow 09:00". Empty if `iso` is no time. */
export function momentWords(iso: string, now = new Date()): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? '' : `${dayWords(date, now)} ${clockTime(iso)}`
}

/** By when something is done: a day ends at 24:00, so "today 24:00", never "tomorrow 00:00". */
export function deadlineWords(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const isMidnight = (date.getTime() + AHEAD) % DAY === 0
  return isMidnight ? `${dayWords(new Date(date.getTime() - 1), now)} 24:00` : momentWords(iso, now)
}

/** The stamp above a message, or '' where the one before it is close enough. */
export function stampBetween(before: string | undefined, at: string, now = new Date()): string {
  const date = new Date(at)
  const isClose = before !== undefined && date.getTime() - new Date(before).getTime() < PAUSE
  if (Number.isNaN(date.getTime()) || isClose) return ''
  return dayOf(date) === dayOf(now) ? clockTime(at) : momentWords(at, now)
}
