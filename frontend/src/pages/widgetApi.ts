/** The page's side of the widget: calls wait in an array until `widget.js` has come. */

export interface ShownContext {
  product: string
  page: string
  cart: string[]
}

type Call = [string, ...unknown[]]

export function callWidget(...call: Call): void {
  const waiting = (window.prelude ??= []) as { push(call: Call): void }
  waiting.push(call)
}
