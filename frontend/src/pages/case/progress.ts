/** What the server tells about a case to whoever holds its number and key. */

export interface CaseEvent {
  at: string
  /** Who did it, and what, as codes. */
  actor: string
  verb: string
}

export interface CaseProgress {
  number: string
  stage: string
  /** Its code. */
  stage_id: string
  /** The case in which it goes on, if it was merged. */
  goes_on_in: string | null
  causes: string[]
  opened_at: string
  next_step: string
  deadline_at: string | null
  events: CaseEvent[]
}

export type Outcome = CaseProgress | 'unknown' | 'busy' | 'failed'

export async function loadCase(number: string, key: string): Promise<Outcome> {
  try {
    const address = `/cases/${encodeURIComponent(number)}?key=${encodeURIComponent(key)}`
    const answer = await fetch(address, { referrerPolicy: 'no-referrer', cache: 'no-store' })
    if (answer.ok) return (await answer.json()) as CaseProgress
    if (answer.status === 429) return 'busy'
    return answer.status >= 500 ? 'failed' : 'unknown'
  } catch {
    return 'failed'
  }
}

/** Number and key stand behind the '#', which browsers do not send to any server. */
export function readAddress(): { number: string; key: string } {
  const given = new URLSearchParams(location.hash.slice(1))
  return { number: given.get('number') ?? '', key: given.get('key') ?? '' }
}
