/** Which conversation is ours, and who says so: kept for all tabs of the browser. */
import { subjectOf } from './identity'
import type { ChatStorage, Conversation } from './storage'

export class Session {
  conversation: Conversation | null
  identity = ''
  private subject = ''
  /** The token of an earlier conversation: the same visitor begins another one. */
  private visitorToken = ''

  constructor(private readonly storage: ChatStorage) {
    this.conversation = storage.conversation()
  }

  /** What a hello says about us; another tab may have begun a conversation meanwhile. */
  introduce(): { conversation: string; token: string; identity: string } {
    this.conversation ??= this.storage.conversation()
    return {
      conversation: this.conversation?.id ?? '',
      token: this.conversation?.token ?? this.visitorToken,
      identity: this.identity,
    }
  }

  /** Keep a new conversation, unless another tab was quicker: then that one is ours, too. */
  adopt(id: string, token = this.visitorToken): boolean {
    if (id === this.conversation?.id) return true
    const other = this.storage.conversation()
    if (other && other.id !== id) {
      this.conversation = other
      return false
    }
    this.conversation = { id, token, seen: 0 }
    this.storage.keep(this.conversation)
    return true
  }

  /**
   * Take a signed-in customer's token, or '' for signing out. A visitor who signs in takes the talk
   * along; everybody else gets their own.
   *
   * @returns whether the conversation is still the same one.
   */
  identify(jwt: string, hasTalked: boolean): boolean {
    const visitors = this.subject ? null : this.conversation
    this.identity = jwt
    const subject = subjectOf(jwt)
    if (subject === this.subject) return true
    this.switchTo(subject)
    if (!visitors || (this.conversation && !hasTalked)) return false
    this.storage.switchTo('')
    this.storage.keep(null)
    this.storage.switchTo(subject)
    this.conversation = visitors
    this.storage.keep(visitors)
    return true
  }

  get isSignedIn(): boolean {
    return this.subject !== ''
  }

  /** The token is not good (any more): what is theirs stays for when a good one comes. */
  becomeVisitor(): void {
    this.identity = ''
    this.switchTo('')
  }

  private switchTo(subject: string): void {
    this.subject = subject
    this.visitorToken = ''
    this.storage.switchTo(subject)
    this.conversation = this.storage.conversation()
  }

  forget(): void {
    const ours = this.conversation?.id
    if (this.storage.conversation()?.id === ours) this.storage.keep(null)
    this.conversation = null
    this.visitorToken = ''
  }

  /** Leave the conversation, stay the same visitor. */
  leave(): void {
    const token = this.conversation?.token ?? ''
    this.forget()
    this.visitorToken = token
  }

  /** Another tab has written. Tell whether our conversation is still the same one. */
  follow(): 'same' | 'other' | 'none' {
    const now = this.storage.conversation()
    if (!now) return 'none'
    const isSame = now.id === this.conversation?.id
    this.conversation = now
    return isSame ? 'same' : 'other'
  }

  update(change: Partial<Conversation>): void {
    if (!this.conversation) return
    Object.assign(this.conversation, change)
    this.storage.keep(this.conversation)
  }
}
