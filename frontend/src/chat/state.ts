/** What is shown of a conversation. Plain data: the panel makes it observable when it comes. */
import type { Message, Shop, TalkState } from './protocol'
import type { Outgoing } from './storage'

export type Connection = 'off' | 'connecting' | 'online' | 'lost' | 'refused'

export interface ChatState {
  connection: Connection
  /** When the server said 'later': that moment, else 0. */
  retryAt: number
  shop: Shop | null
  talk: TalkState | null
  messages: Message[]
  outbox: Outgoing[]
  pausedUntil: number
  hasOlder: boolean
  isLoadingOlder: boolean
  unread: number
  isRatingDeclined: boolean
}

export function freshState(): ChatState {
  return {
    connection: 'off',
    retryAt: 0,
    shop: null,
    talk: null,
    messages: [],
    outbox: [],
    pausedUntil: 0,
    hasOlder: false,
    isLoadingOlder: false,
    unread: 0,
    isRatingDeclined: false,
  }
}
