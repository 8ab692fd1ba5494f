/** The attributes of the script tag. Everything is optional. */
import { serverAddress } from '../chat/addresses'

export interface Settings {
  server: string
  color: string
  position: 'right' | 'left'
  greeting: string
  quick: string[]
  title: string
  identity: string
  lang: string
  isOpen: boolean
  /** The address of widget.js: its other parts lie beside it. */
  base: string
  nonce: string
}

export const DEFAULT_COLOR = '#1f6f5c'

export function readSettings(script: HTMLScriptElement | null): Settings {
  const data = script?.dataset ?? {}
  const origin = script?.src ? new URL(script.src, location.href).origin : location.origin
  return {
    server: serverAddress(data.shop, origin),
    color: data.color || DEFAULT_COLOR,
    position: data.position === 'left' ? 'left' : 'right',
    greeting: data.greeting ?? '',
    quick: (data.quick ?? '').split(/[,\uFF0C]/).map((each) => each.trim()).filter(Boolean),
    title: data.title ?? '',
    identity: data.identity ?? '',
    lang: data.lang ?? '',
    base: script?.src || location.href,
    nonce: script?.nonce ?? '',
    isOpen: data.open !== undefined && data.open !== 'false',
  }
}
