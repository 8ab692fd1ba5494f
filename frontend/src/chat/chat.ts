/**
 * One customer's conversation in this tab: what is shown, and what is said to the server.
 * Holds no words, draws nothing, and needs no framework: before the first click there is none.
 */
import { socketAddress } from './addresses'
import { applyReceipt, countUnread, insertMessage, unbrokenEnd } from './messages'
import { Outbox } from './outbox'
import * as wire from './protocol'
import { Session } from './session'
import { ChatSocket } from './socket'
import { freshState, type ChatState } from './state'
import { ChatStorage } from './storage'

/** A socket that opens and then says nothing is no connection. */
const HELLO_WITHIN = 10_000

export interface ChatEvents {
  /** Somebody else's message arrived just now. */
  message?(message: wire.Message): void
  state?(state: ChatState): void
  unread?(count: number): void
}

export class Chat {
  state: ChatState = freshState()
  readonly storage: ChatStorage
  private readonly socket: ChatSocket
  readonly outbox: Outbox
  private readonly session: Session
  private epoch = ''
  private liveFrom = 0
  private context: wire.PageContext | null = null
  private retryAfter: number | null = null
  private isWatched = false
  private helloTimer = 0

  constructor(
    readonly server: string,
    private readonly events: ChatEvents = {},
  ) {
    this.storage = new ChatStorage(server)
    this.session = new Session(this.storage)
    this.state.isRatingDeclined = this.session.conversation?.unrated ?? false
    this.socket = new ChatSocket(socketAddress(server), {
      open: () => this.sayHello(),
      frame: (frame) => this.take(frame),
      close: (code) => this.lost(code),
    })
    this.outbox = new Outbox(this.storage, {
      send: (frame) => this.socket.send(frame),
      distrust: () => this.socket.distrust(),
      changed: (items, pausedUntil) => Object.assign(this.state, { outbox: items, pausedUntil }),
    })
    this.storage.onOtherTab(() => this.followOtherTab())
  }

  /** Let a framework watch the state from now on: `wrap` returns its proxy. */
  observeWith(wrap: (state: ChatState) => ChatState): void {
    this.state = wrap(this.state)
  }

  get hasConversation(): boolean {
    return this.session.conversation !== null
  }

  start(): void {
    if (this.state.connection !== 'off') return
    this.state.connection = 'connecting'
    this.socket.start()
  }

  stop(): void {
    this.socket.stop()
    this.outbox.closed()
    this.state.connection = 'off'
  }

  say(text: string, optionId = '', picture = ''): void {
    this.start()
    this.outbox.add(text, optionId, picture)
  }

  loadOlder(): void {
    const first = this.state.messages[0]
    if (!first || !this.state.hasOlder || this.state.isLoadingOlder) return
    const frame = { type: 'history', before: first.seq, limit: wire.HISTORY_PAGE } as const
    this.state.isLoadingOlder = this.socket.send(frame)
  }

  setContext(context: wire.PageContext): void {
    this.context = context
    if (this.state.connection === 'online') this.socket.send({ type: 'context', ...context })
  }

  /** Take a signed-in customer's token, or '' for signing out. */
  identify(jwt: string): void {
    if (jwt === this.session.identity) return
    const wasSignedIn = this.session.isSignedIn
    const hasTalked = this.state.messages.some((each) => each.sender === 'customer')
    if (!this.session.identify(jwt, hasTalked)) {
      this.clearTalk()
      // Unsent words of one customer must not reach another's conversation.
      if (wasSignedIn) this.outbox.clear()
    }
    if (this.state.connection !== 'off') this.reconnect()
    else if (this.hasConversation) this.start()
  }

  end(): void {
    this.socket.send({ type: 'end' })
  }

  rate(rating: wire.Rating): boolean {
    return this.socket.send({ type: 'rate', ...rating })
  }

  declineRating(): void {
    this.session.update({ unrated: true })
    this.state.isRatingDeclined = true
  }

  /** Leave this conversation behind and begin another as the same visitor. */
  beginAnew(): void {
    this.session.leave()
    this.clearTalk()
    this.reconnect()
  }

  /** Tell whether the customer has the log before their eyes. */
  watch(isWatched: boolean): void {
    this.isWatched = isWatched
    this.noteSeen()
  }

  uploadTarget(): { address: string; token: string } | null {
    if (!this.session.conversation) return null
    const { id, token } = this.session.conversation
    return { address: `${this.server}/chat/pictures?conversation=${id}`, token }
  }

  private sayHello(): void {
    window.clearTimeout(this.helloTimer)
    this.helloTimer = window.setTimeout(() => this.socket.distrust(), HELLO_WITHIN)
    this.socket.send({
      type: 'hello',
      ...this.session.introduce(),
      after: unbrokenEnd(this.state.messages),
      epoch: this.epoch,
      recent: wire.HISTORY_PAGE,
      context: this.context,
    })
  }

  private take(frame: wire.ServerFrame): void {
    if (frame.type === 'hello') this.welcomed(frame)
    else if (frame.type === 'message') this.takeMessage(frame)
    else if (frame.type === 'ack') this.acknowledged(frame)
    else if (frame.type === 'receipt') {
      applyReceipt(this.state.messages, frame.first, frame.last, frame.state)
    } else if (frame.type === 'state') {
      const { type: _, ...talk } = frame
      this.state.talk = talk
      this.events.state?.(this.state)
    } else if (frame.type === 'queue') {
      if (this.state.talk) this.state.talk.position = frame.position
    } else if (frame.type === 'history') this.takeHistory(frame)
    else if (frame.type === 'error') this.takeError(frame)
  }

  private welcomed(frame: wire.HelloFrame): void {
    window.clearTimeout(this.helloTimer)
    if (this.epoch && frame.epoch !== this.epoch) this.clear()
    if (!this.session.adopt(frame.conversation, frame.token)) {
      this.socket.restart()
      return
    }
    const first = frame.first_seq ?? 1
    const end = unbrokenEnd(this.state.messages)
    // More was missed than is sent now: older ones come by paging, without a hole between.
    if (end && first > end + 1) this.clear()
    this.epoch = frame.epoch
    this.liveFrom = frame.last_seq
    if (frame.shop) this.state.shop = frame.shop
    if (!this.state.messages.length) this.state.hasOlder = first > 1 && frame.last_seq > 0
    Object.assign(this.state, { connection: 'online', retryAt: 0, isLoadingOlder: false })
    this.socket.settled()
    this.outbox.opened()
    this.events.state?.(this.state)
  }

  private takeMessage(frame: wire.Message & { type: 'message' }): void {
    const { type: _, ...message } = frame
    const isNew = insertMessage(this.state.messages, message)
    if (message.id) this.outbox.stored(message.id)
    this.state.hasOlder = (this.state.messages[0]?.seq ?? 1) > 1
    this.noteSeen()
    if (isNew && message.seq > this.liveFrom && message.sender !== 'customer') {
      this.events.message?.(message)
    }
  }

  private acknowledged(frame: { id: string; seq: number; state: wire.MessageState }): void {
    const item = this.outbox.stored(frame.id)
    // A picture's address comes with the message itself, a moment later.
    if (!item || item.picture) return
    const { id, text, at } = item
    const { seq, state } = frame
    insertMessage(this.state.messages, { seq, sender: 'customer', text, at, id, state })
  }

  private takeHistory(frame: { messages: wire.Message[]; has_more: boolean }): void {
    for (const message of frame.messages) insertMessage(this.state.messages, message)
    this.state.hasOlder = frame.has_more
    this.state.isLoadingOlder = false
  }

  private takeError(frame: wire.ErrorFrame): void {
    if (frame.id) this.outbox.refused(frame)
    else if (frame.retry_after_seconds) this.retryAfter = frame.retry_after_seconds * 1000
    this.state.isLoadingOlder = false
  }

  private lost(code: number): number | null {
    window.clearTimeout(this.helloTimer)
    this.outbox.closed()
    const wait = code === wire.CLOSE_TOO_MANY ? (this.retryAfter ?? 30_000) : null
    this.retryAfter = null
    this.state.connection = wait === null ? 'lost' : 'refused'
    this.state.retryAt = wait === null ? 0 : Date.now() + wait
    this.state.isLoadingOlder = false
    this.events.state?.(this.state)
    if (code === wire.CLOSE_WRONG_TOKEN) this.session.forget()
    if (code === wire.CLOSE_IDENTITY_REFUSED) this.session.becomeVisitor()
    if (code === wire.CLOSE_WRONG_TOKEN || code === wire.CLOSE_IDENTITY_REFUSED) this.clearTalk()
    return wait
  }

  private clearTalk(): void {
    this.clear()
    this.state.talk = null
    this.state.isRatingDeclined = false
  }

  private clear(): void {
    Object.assign(this.state, { messages: [], hasOlder: false, unread: 0 })
    this.events.unread?.(0)
    this.epoch = ''
  }

  private reconnect(): void {
    this.outbox.closed()
    this.state.connection = 'connecting'
    this.socket.restart()
  }

  private followOtherTab(): void {
    const whose = this.session.follow()
    if (whose === 'none') return
    this.state.isRatingDeclined = this.session.conversation?.unrated ?? false
    if (whose === 'same') return this.noteSeen()
    this.clear()
    if (this.state.connection === 'off') this.start()
    else this.reconnect()
  }

  private noteSeen(): void {
    const newest = this.state.messages[this.state.messages.length - 1]?.seq ?? 0
    const isVisible = this.isWatched && document.visibilityState === 'visible'
    const seen = this.session.conversation?.seen ?? 0
    if (isVisible && newest > seen) this.session.update({ seen: newest })
    const unread = countUnread(this.state.messages, isVisible ? newest : seen)
    if (unread === this.state.unread) return
    this.state.unread = unread
    this.events.unread?.(unread)
  }
}
