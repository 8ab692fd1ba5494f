/** What a host page can ask of the widget. Draws nothing: the element shows what stands here. */
import { Chat } from '../chat/chat'
import type { Message, PageContext } from '../chat/protocol'
import type { ChatState } from '../chat/state'
import type { Settings } from './settings'

export interface Events {
  message: Pick<Message, 'seq' | 'sender' | 'text' | 'at' | 'name'>
  open: undefined
  close: undefined
  state: { connection: string; owner: string; unread: number; case: string }
}

type Listener = (detail: never) => void

const EVENT_NAMES: (keyof Events)[] = ['message', 'open', 'close', 'state']
const MAX_CART = 20
const MAX_ID = 100
const MAX_PAGE = 500

function text(value: unknown, longest: number): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, longest) : ''
}

/** Take what a page gives us, whatever it is, as the server's frame wants it. */
export function cleanContext(given: unknown): PageContext {
  const context = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>
  const cart = Array.isArray(context.cart) ? context.cart : []
  return {
    product: text(context.product, MAX_ID),
    page: text(context.page, MAX_PAGE),
    cart: cart.map((each) => text(each, MAX_ID)).filter(Boolean).slice(0, MAX_CART),
  }
}

export class Controller {
  isOpen = false
  readonly chat: Chat
  /** The element that shows us, once it is in the page. */
  onToggle: () => void = () => undefined
  onUnread: (count: number) => void = () => undefined
  private readonly listeners = new Map<keyof Events, Set<Listener>>()

  constructor(readonly settings: Settings) {
    this.chat = new Chat(settings.server, {
      message: ({ seq, sender, text, at, name }) => this.emit('message', { seq, sender, text, at, name }),
      state: (state) => this.emit('state', this.summary(state)),
      unread: (count) => this.onUnread(count),
    })
    if (settings.identity) this.chat.identify(settings.identity)
    // Without a conversation there is nothing to show, so there is no request before a click.
    if (this.chat.hasConversation) this.chat.start()
    if (settings.isOpen) this.open()
  }

  open(): void {
    if (this.isOpen) return
    this.chat.start()
    this.isOpen = true
    this.onToggle()
    this.emit('open', undefined)
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.onToggle()
    this.emit('close', undefined)
  }

  identify(jwt: unknown): void {
    this.chat.identify(typeof jwt === 'string' ? jwt : '')
  }

  setContext(context: unknown): void {
    this.chat.setContext(cleanContext(context))
  }

  /** Call `listener` on every such event. Returns a function that ends it. */
  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void {
    if (!EVENT_NAMES.includes(name) || typeof listener !== 'function') return () => undefined
    const those = this.listeners.get(name) ?? new Set<Listener>()
    this.listeners.set(name, those.add(listener as Listener))
    return () => void those.delete(listener as Listener)
  }

  private emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        ;(listener as (detail: Events[Name]) => void)(detail)
      } catch (error) {
        // The page's fault must not stop the chat; the page's author shall see it.
        setTimeout(() => {
          throw error
        })
      }
    }
  }

  private summary(state: ChatState): Events['state'] {
    return {
      connection: state.connection,
      owner: state.talk?.owner ?? 'bot',
      unread: state.unread,
      case: state.talk?.case?.number ?? '',
    }
  }
}
