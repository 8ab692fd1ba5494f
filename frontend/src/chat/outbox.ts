/**
 * What the customer has said and the server has not stored. One message at a time is on its way,
 * so that the stored order is the typed order; each keeps its id, so that it is stored once.
 */
import { randomId } from './ids'
import { OPTION_PERSON, type ClientFrame, type ErrorFrame } from './protocol'
import type { ChatStorage, Outgoing } from './storage'

const ACK_WITHIN = 10_000
const RETRY_MIN = 1_000
const RETRY_MAX = 15_000

export interface OutboxLinks {
  send(frame: ClientFrame): boolean
  /** No ack came: the socket is not worth much. */
  distrust(): void
  /** The list has changed, or the time before which nothing is sent (0: none). */
  changed(items: Outgoing[], pausedUntil: number): void
}

export class Outbox {
  private items: Outgoing[]
  private inFlight = ''
  private open = false
  private retries = 0
  private pausedUntil = 0
  private ackTimer = 0
  private pauseTimer = 0

  constructor(
    private readonly storage: ChatStorage,
    private readonly links: OutboxLinks,
  ) {
    this.items = storage.outbox()
    this.tell()
  }

  add(text: string, optionId = '', picture = ''): void {
    const at = new Date().toISOString()
    this.items.push({ id: randomId(), text, option_id: optionId, picture, at, state: 'waiting' })
    this.tell()
    this.flush()
  }

  /** The conversation is open on a fresh socket: what was on its way there is unknown now. */
  opened(): void {
    this.open = true
    this.inFlight = ''
    this.flush()
  }

  closed(): void {
    this.open = false
    this.inFlight = ''
    window.clearTimeout(this.ackTimer)
  }

  /** The message is stored. Returns what was waiting, if anything was. */
  stored(id: string): Outgoing | null {
    const found = this.items.find((each) => each.id === id) ?? null
    if (!found) return null
    this.items = this.items.filter((each) => each !== found)
    this.retries = 0
    this.landed(id)
    this.tell()
    this.flush()
    return found
  }

  refused(error: ErrorFrame): void {
    const item = this.items.find((each) => each.id === error.id)
    if (!item) return
    this.landed(item.id)
    if (error.code === 'rate_limited') {
      item.wasLimited = true
      this.pause((error.retry_after_seconds ?? 2) * 1000)
    } else if (error.code === 'storage_unavailable') this.notSaved(item)
    else if (error.code === 'conflicting_message') item.id = randomId()
    else Object.assign(item, { state: 'failed', reason: error.code })
    this.tell()
    this.flush()
  }

  resend(id: string): void {
    const item = this.items.find((each) => each.id === id)
    if (!item) return
    item.state = 'waiting'
    this.tell()
    this.flush()
  }

  /** Take a failed message back, to be edited. */
  withdraw(id: string): Outgoing | null {
    const item = this.items.find((each) => each.id === id) ?? null
    this.items = this.items.filter((each) => each.id !== id)
    this.tell()
    return item
  }

  clear(): void {
    this.items = []
    this.inFlight = ''
    window.clearTimeout(this.ackTimer)
    this.tell()
  }

  private notSaved(item: Outgoing): void {
    item.state = 'unsaved'
    this.pause(Math.min(RETRY_MAX, RETRY_MIN * 2 ** this.retries++))
  }

  private pause(milliseconds: number): void {
    this.pausedUntil = Date.now() + milliseconds
    window.clearTimeout(this.pauseTimer)
    this.pauseTimer = window.setTimeout(() => {
      this.pausedUntil = 0
      for (const each of this.items) each.wasLimited = false
      this.tell()
      this.flush()
    }, milliseconds)
  }

  private landed(id: string): void {
    if (this.inFlight !== id) return
    this.inFlight = ''
    window.clearTimeout(this.ackTimer)
  }

  private flush(): void {
    if (!this.open || this.inFlight) return
    // Calls for a person are counted apart: who must wait may still ask for one.
    const next = this.items.find(
      (each) => each.state !== 'failed' && (!this.pausedUntil || this.isCall(each)),
    )
    if (!next) return
    const { id, text, option_id, picture } = next
    if (!this.links.send({ type: 'message', id, text, option_id, picture })) return
    this.inFlight = id
    this.ackTimer = window.setTimeout(() => this.links.distrust(), ACK_WITHIN)
  }

  private isCall(item: Outgoing): boolean {
    return item.option_id === OPTION_PERSON && item.state !== 'unsaved' && !item.wasLimited
  }

  private tell(): void {
    this.storage.keepOutbox(this.items)
    const copies = this.items.map((each) => ({ ...each }))
    this.links.changed(copies, this.pausedUntil)
  }
}
