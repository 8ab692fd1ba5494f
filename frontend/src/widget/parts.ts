/**
 * What is loaded with the first click: the window and its words, as classic scripts from where
 * `widget.js` lies. A page that nobody chats on pays for the launcher only.
 */
import type { Words } from '../chat/i18n'
import type { Controller } from './controller'

export interface MountedPanel {
  focus(): void
}

export interface PanelPart {
  styles: string
  mount(place: HTMLElement, controller: Controller, words: Words, locale: string): MountedPanel
}

export interface Parts {
  panel: PanelPart
  words: Words
}

const arrived: Partial<Parts> = {}

/** Called by the scripts when they run. */
export function bringPart<Name extends keyof Parts>(name: Name, part: Parts[Name]): void {
  arrived[name] = part
}

interface TrustedTypes {
  createPolicy(name: string, rules: object): { createScriptURL(address: string): string }
}
const types = (window as { trustedTypes?: TrustedTypes }).trustedTypes
let policy: ReturnType<TrustedTypes['createPolicy']> | undefined

/** A page that requires trusted types wants to be told that this address is meant. */
function trusted(address: string): string {
  try {
    policy ??= types?.createPolicy('prelude', { createScriptURL: (each: string) => each })
  } catch {
    // The page lists the policies it allows, and ours is not among them: the load will tell.
  }
  return policy?.createScriptURL(address) ?? address
}

function loadScript(address: string, nonce: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = trusted(address)
    // A page that allows scripts by nonce allows ours by the nonce of widget.js.
    if (nonce) script.nonce = nonce
    script.onload = () => resolve()
    script.onerror = () => {
      script.remove()
      reject(new Error(`cannot load ${address}`))
    }
    document.head.append(script)
  })
}

export async function loadParts(base: string, nonce: string, locale: string): Promise<Parts> {
  const files: [keyof Parts, string][] = [
    ['panel', 'widget/panel.js'],
    ['words', `widget/${locale}.js`],
  ]
  const missing = files.filter(([name]) => !arrived[name])
  await Promise.all(missing.map(([, file]) => loadScript(new URL(file, base).href, nonce)))
  if (!arrived.panel || !arrived.words) throw new Error('the chat window did not arrive whole')
  return arrived as Parts
}
