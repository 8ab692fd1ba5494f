/** The list of stored messages, ordered by `seq` without doubles. Pure: no socket, no storage. */
import type { Message, MessageState, Owner } from './protocol'

/** Put `message` in its place. Tell whether it is new to the list. */
export function insertMessage(list: Message[], message: Message): boolean {
  let at = list.length
  while (at > 0 && list[at - 1]!.seq > message.seq) at--
  const before = list[at - 1]
  if (before?.seq !== message.seq) {
    list.splice(at, 0, message)
    return true
  }
  // Our own copy, made from the ack, gives way to the server's; a receipt may have come between.
  const state = before.state && before.state !== 'pending' ? before.state : message.state
  Object.assign(before, message, { state })
  return false
}

/** The last `seq` before the first gap: what comes after it must be asked for again. */
export function unbrokenEnd(list: Message[]): number {
  let end = list[0]?.seq ?? 0
  for (const message of list) {
    if (message.seq > end + 1) break
    end = message.seq
  }
  return end
}

export function applyReceipt(list: Message[], first: number, last: number, state: MessageState): void {
  for (const message of list) {
    if (message.sender === 'customer' && message.seq >= first && message.seq <= last) {
      message.state = state
    }
  }
}

/** Is the message held for a person who has not come yet? What was answered is answered. */
export function isPersonAwaited(list: Message[], message: Message, owner?: Owner): boolean {
  const isAnswered = list.some((each) => each.sender === 'agent' && each.seq > message.seq)
  return message.state === 'held' && owner === 'queue' && !isAnswered
}

export function countUnread(list: Message[], seen: number): number {
  return list.filter((each) => each.sender !== 'customer' && each.seq > seen).length
}

/** Is a message of the customer's stored, and the bot's turn over it not done? */
export function isAnswerAwaited(list: Message[]): boolean {
  return list.some((each) => each.sender === 'customer' && each.state === 'pending')
}
