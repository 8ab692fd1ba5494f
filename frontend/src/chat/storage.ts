/**
 * What a reload must not lose. localStorage holds the conversation that all tabs share,
 * sessionStorage what this tab has not sent yet. A browser may forbid both: then memory has to do.
 */

export interface Conversation {
  id: string
  token: string
  /** The newest message that the customer has had before their eyes, in any tab. */
  seen: number
  /** The survey was waved away. */
  unrated?: boolean
}

export interface Outgoing {
  id: string
  text: string
  option_id: string
  picture: string
  at: string
  state: 'waiting' | 'unsaved' | 'failed'
  reason?: string
  /** Sent too soon after others, and refused for that. */
  wasLimited?: boolean
}

const memory = new Map<string, string>()

function area(kind: 'localStorage' | 'sessionStorage'): Storage | null {
  try {
    return window[kind]
  } catch {
    return null
  }
}

function read(kind: 'localStorage' | 'sessionStorage', key: string): string | null {
  try {
    return area(kind)?.getItem(key) ?? memory.get(key) ?? null
  } catch {
    return memory.get(key) ?? null
  }
}

function write(kind: 'localStorage' | 'sessionStorage', key: string, value: string | null): void {
  if (value === null) memory.delete(key)
  else memory.set(key, value)
  try {
    if (value === null) area(kind)?.removeItem(key)
    else area(kind)?.setItem(key, value)
  } catch {
    // Full or forbidden: the copy in memory lasts as long as the page.
  }
}

function parse<T>(text: string | null): T | null {
  try {
    return text ? (JSON.parse(text) as T) : null
  } catch {
    return null
  }
}

export class ChatStorage {
  private readonly key: string
  private slot: string

  /** @param server origin of the shop's server: two shops on one page keep apart. */
  constructor(server: string) {
    this.key = `prelude:${server}`
    this.slot = this.key
  }

  /** Each signed-in customer of this browser has a conversation of their own; '' is a visitor. */
  switchTo(subject: string): void {
    this.slot = subject ? `${this.key}:${subject}` : this.key
  }

  conversation(): Conversation | null {
    const found = parse<Conversation>(read('localStorage', this.slot))
    return found && found.id && found.token ? found : null
  }

  keep(conversation: Conversation | null): void {
    write('localStorage', this.slot, conversation && JSON.stringify(conversation))
  }

  outbox(): Outgoing[] {
    const found = parse<Outgoing[]>(read('sessionStorage', this.key))
    return Array.isArray(found) ? found : []
  }

  keepOutbox(items: Outgoing[]): void {
    write('sessionStorage', this.key, items.length ? JSON.stringify(items) : null)
  }

  draft(): string {
    return read('sessionStorage', `${this.key}:draft`) ?? ''
  }

  keepDraft(text: string): void {
    write('sessionStorage', `${this.key}:draft`, text || null)
  }

  /** Call `listener` when another tab has changed the conversation. Returns the way out. */
  onOtherTab(listener: () => void): () => void {
    const hear = (event: StorageEvent) => {
      if (event.key === this.slot || event.key === null) listener()
    }
    window.addEventListener('storage', hear)
    return () => window.removeEventListener('storage', hear)
  }
}
