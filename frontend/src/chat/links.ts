/** Find web addresses in chat text. The parts become text nodes and <a>, never HTML. */

export interface TextPart {
  text: string
  href?: string
}

// Only characters that may stand in an address: Chinese text around it ends it.
const ADDRESS = /\b(?:https?:\/\/|www\.)[\w\-.~:/?#[\]@!$&'()*+,;=%]+/gi
const TRAILING = /[.,;:!?'")\]]+$/

function hrefOf(address: string): string | null {
  const full = /^https?:/i.test(address) ? address : `https://${address}`
  try {
    const url = new URL(full)
    // "https://shop.example@evil.example" reads like the one and leads to the other.
    return url.hostname.includes('.') && !url.username ? url.href : null
  } catch {
    return null
  }
}

export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, '')
    const href = hrefOf(address)
    if (!href) continue
    if (match.index > end) parts.push({ text: text.slice(end, match.index) })
    parts.push({ text: address, href })
    end = match.index + address.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}
