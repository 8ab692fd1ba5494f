/** A clock that ticks only while somebody counts down. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

export function useCountdown(until: () => number): Ref<number> {
  const seconds = ref(0)
  let timer = 0
  const tick = () => {
    seconds.value = Math.max(0, Math.ceil((until() - Date.now()) / 1000))
    if (!seconds.value) window.clearInterval(timer)
  }
  watch(
    until,
    () => {
      window.clearInterval(timer)
      tick()
      if (seconds.value) timer = window.setInterval(tick, 1000)
    },
    { immediate: true },
  )
  onScopeDispose(() => window.clearInterval(timer))
  return seconds
}
