/** The frames of `/chat`, as docs/protocol.md describes them. Types only. */

export type Sender = 'customer' | 'bot' | 'agent' | 'system'
export type Owner = 'bot' | 'queue' | 'agent'
export type MessageState = 'pending' | 'held' | 'done' | 'failed' | 'history'

export interface Option {
  option_id: string
  label: string
}

export interface QuickEntry {
  label: string
  option_id?: string
}

export interface ProductCard {
  kind: 'product'
  id: string
  name: string
  price_fen: number
  list_price_fen?: number | null
  picture: string
  tagline: string
  more?: Option | null
}

export interface Picture {
  url: string
  width: number
  height: number
}

export interface Message {
  seq: number
  sender: Sender
  text: string
  at: string
  id?: string
  state?: MessageState
  name?: string
  role?: string
  options?: Option[]
  card?: ProductCard
  picture?: Picture
  privacy?: boolean
}

export interface Shop {
  name: string
  greeting: string
  privacy_url: string
  phone: string
  quick: QuickEntry[]
  picture_max_bytes: number
  picture_types: string[]
}

export interface CaseState {
  number: string
  stage: string
  stage_id: string
  goes_on_in: string | null
  causes: string[]
  next_step: string
  deadline_at: string | null
  progress_url: string
}

export interface TalkState {
  owner: Owner
  agent: { name: string; role: string } | null
  position: number | null
  open: boolean
  opens_at: string | null
  case: CaseState | null
  survey: 'none' | 'due' | 'done'
  survey_about: 'talk' | 'case'
}

export interface PageContext {
  product: string
  page: string
  cart: string[]
}

export interface Rating {
  score: number
  expectation: 'worse' | 'as' | 'better' | ''
  again: 'yes' | 'no' | ''
  comment: string
}

export interface HelloFrame {
  type: 'hello'
  epoch: string
  conversation: string
  token?: string
  last_seq: number
  first_seq?: number
  owner: Owner
  shop?: Shop
}

export interface ErrorFrame {
  type: 'error'
  code: string
  message: string
  id?: string
  retry_after_seconds?: number
}

export type ServerFrame =
  | HelloFrame
  | ErrorFrame
  | { type: 'ack'; id: string; seq: number; state: MessageState }
  | ({ type: 'message' } & Message)
  | { type: 'receipt'; first: number; last: number; state: MessageState }
  | ({ type: 'state' } & TalkState)
  | { type: 'queue'; position: number }
  | { type: 'history'; messages: Message[]; has_more: boolean }
  | { type: 'pong' }

export type ClientFrame =
  | {
      type: 'hello'
      conversation: string
      token: string
      after: number
      epoch: string
      recent: number
      identity: string
      context: PageContext | null
    }
  | { type: 'message'; id: string; text: string; option_id: string; picture: string }
  | { type: 'history'; before: number; limit: number }
  | ({ type: 'context' } & PageContext)
  | { type: 'end' }
  | ({ type: 'rate' } & Rating)
  | { type: 'ping' }

export const CLOSE_WRONG_TOKEN = 4403
export const CLOSE_IDENTITY_REFUSED = 4404
export const CLOSE_TOO_MANY = 4429

export const OPTION_PERSON = 'person'
export const OPTION_PROBLEM = 'problem'

/** What a customer may send at once; the server understands no more. */
export const MAX_TEXT = 2000
export const HISTORY_PAGE = 30
