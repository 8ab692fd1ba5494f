/**
 * One socket that comes back: ping every 20 s, back-off 0.5 to 15 s with jitter, at once when the
 * network or the page returns. Knows nothing of conversations.
 */
import type { ClientFrame, ServerFrame } from './protocol'

const PING_EVERY = 20_000
const ANSWER_WITHIN = 10_000
const OPEN_WITHIN = 12_000
const DELAY_MIN = 500
const DELAY_MAX = 15_000

export interface SocketEvents {
  open(): void
  frame(frame: ServerFrame): void
  /** The socket is gone. Return the milliseconds to wait, or null for the usual back-off. */
  close(code: number): number | null
}

export class ChatSocket {
  private socket: WebSocket | null = null
  private wanted = false
  private attempts = 0
  private notBefore = 0
  private heardAt = 0
  private retryTimer = 0
  private pingTimer = 0
  private openTimer = 0

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
  ) {}

  start(): void {
    if (this.wanted) return
    this.wanted = true
    window.addEventListener('online', this.hurry)
    document.addEventListener('visibilitychange', this.hurry)
    window.addEventListener('pageshow', this.hurry)
    this.connect()
  }

  stop(): void {
    this.wanted = false
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    window.removeEventListener('pageshow', this.hurry)
    window.clearTimeout(this.retryTimer)
    this.drop()
  }

  /** Leave this socket and open another, for a new hello. */
  restart(): void {
    if (!this.wanted) return
    this.drop()
    this.connect()
  }

  /** The server has let us in: the next failure begins with the short delay again. */
  settled(): void {
    this.attempts = 0
  }

  send(frame: ClientFrame): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false
    this.socket.send(JSON.stringify(frame))
    return true
  }

  private readonly hurry = (): void => {
    if (!this.wanted || document.visibilityState === 'hidden') return
    if (this.socket) {
      // A phone that slept holds a socket that looks open and is dead: ask it.
      if (Date.now() - this.heardAt > PING_EVERY) this.ping()
    } else if (Date.now() >= this.notBefore) {
      window.clearTimeout(this.retryTimer)
      this.connect()
    }
  }

  private connect(): void {
    window.clearTimeout(this.retryTimer)
    let socket: WebSocket
    try {
      socket = new WebSocket(this.url)
    } catch {
      return this.retry(null)
    }
    this.socket = socket
    socket.onopen = () => this.opened(socket)
    socket.onmessage = (event) => this.heard(socket, event.data)
    socket.onclose = (event) => this.closed(socket, event.code)
    this.openTimer = window.setTimeout(() => this.giveUp(socket), OPEN_WITHIN)
  }

  private opened(socket: WebSocket): void {
    if (socket !== this.socket) return
    window.clearTimeout(this.openTimer)
    this.heardAt = Date.now()
    this.pingTimer = window.setInterval(() => this.ping(), PING_EVERY)
    this.events.open()
  }

  private heard(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket || typeof data !== 'string') return
    this.heardAt = Date.now()
    let frame: ServerFrame
    try {
      frame = JSON.parse(data) as ServerFrame
    } catch {
      return
    }
    this.events.frame(frame)
  }

  private ping(): void {
    const socket = this.socket
    if (!socket || !this.send({ type: 'ping' })) return
    const askedAt = Date.now()
    window.setTimeout(() => {
      if (socket === this.socket && this.heardAt < askedAt) this.giveUp(socket)
    }, ANSWER_WITHIN)
  }

  /** Treat a silent socket as closed; its own close event may take minutes. */
  private giveUp(socket: WebSocket): void {
    if (socket !== this.socket) return
    this.closed(socket, 4000)
    socket.close()
  }

  /** Somebody waited for an answer on this socket in vain. */
  distrust(): void {
    if (this.socket) this.giveUp(this.socket)
  }

  private closed(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return
    this.forget()
    const wait = this.events.close(code)
    if (this.wanted && !this.socket) this.retry(wait)
  }

  private retry(wait: number | null): void {
    const backOff = Math.min(DELAY_MAX, DELAY_MIN * 2 ** this.attempts++)
    const delay = wait ?? backOff / 2 + (Math.random() * backOff) / 2
    this.notBefore = wait === null ? 0 : Date.now() + wait
    this.retryTimer = window.setTimeout(() => this.connect(), delay)
  }

  private forget(): void {
    window.clearTimeout(this.openTimer)
    window.clearInterval(this.pingTimer)
    this.socket = null
  }

  private drop(): void {
    const socket = this.socket
    this.forget()
    socket?.close()
  }
}
