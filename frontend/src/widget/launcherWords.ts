/** The few words before the first click, in every language; picked out of `locales/` by the build. */
declare const __LAUNCHER_WORDS__: Record<string, Record<string, string>>

export const LAUNCHER_WORDS = __LAUNCHER_WORDS__
