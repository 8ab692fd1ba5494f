/** Addresses on the shop's server. Nothing here ever leads to another host by itself. */

/** Return the origin (and path, without a last slash) of the shop's server. */
export function serverAddress(given: string | null | undefined, fallback: string): string {
  try {
    const url = new URL(given || fallback, fallback)
    return (url.origin + url.pathname).replace(/\/+$/, '')
  } catch {
    return fallback.replace(/\/+$/, '')
  }
}

export function socketAddress(server: string): string {
  return `${server.replace(/^http/, 'ws')}/chat`
}

/** Return the address of a picture, or '' if it does not lie on the shop's server. */
export function pictureAddress(server: string, path: string): string {
  return /^\/(?!\/)/.test(path) ? server + path : ''
}

/** Return an address a person may click (http or https only), else ''. */
export function linkAddress(server: string, address: string): string {
  try {
    const url = new URL(address, `${server}/`)
    return /^https?:$/.test(url.protocol) ? url.href : ''
  } catch {
    return ''
  }
}
