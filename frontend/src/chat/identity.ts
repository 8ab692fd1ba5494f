/** Whom a signed token names. Read, not verified: verifying is the server's work. */

export function subjectOf(jwt: string): string {
  const payload = jwt.split('.')[1]
  if (!payload) return ''
  try {
    const text = atob(payload.replace(/-/g, '+').replace(/_/g, '/'))
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown }
    return typeof claims.sub === 'string' ? claims.sub : ''
  } catch {
    return ''
  }
}
