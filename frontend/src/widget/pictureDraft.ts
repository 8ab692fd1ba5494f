/** The one picture that a customer is about to send: checked, uploaded, then sent with the text. */
import { reactive, shallowRef, type ShallowRef } from 'vue'
import type { Chat } from '../chat/chat'
import { pictureFault, upload, type PictureFault, type Uploaded } from '../chat/pictures'

export interface PictureDraft {
  file: File
  progress: number
  fault: PictureFault | null
  uploaded: Uploaded | null
}

export interface PictureDraftHandle {
  draft: ShallowRef<PictureDraft | null>
  choose(file: File): void
  retry(): void
  remove(): void
}

export function usePictureDraft(chat: Chat): PictureDraftHandle {
  const draft = shallowRef<PictureDraft | null>(null)
  let abort: AbortController | null = null

  async function send(each: PictureDraft): Promise<void> {
    const target = chat.uploadTarget()
    if (!target) {
      each.fault = 'failed'
      return
    }
    each.fault = null
    abort = new AbortController()
    try {
      const progress = (share: number) => (each.progress = share)
      each.uploaded = await upload(each.file, target, progress, abort.signal)
    } catch (fault) {
      each.fault = fault as PictureFault
    }
  }

  function remove(): void {
    abort?.abort()
    draft.value = null
  }

  function choose(file: File): void {
    remove()
    const { shop } = chat.state
    if (!shop) return
    const fault = pictureFault(file, shop)
    const fresh = reactive({ file, progress: 0, fault, uploaded: null }) as PictureDraft
    draft.value = fresh
    if (!fault) void send(fresh)
  }

  function retry(): void {
    if (draft.value) void send(draft.value)
  }

  return { draft, choose, retry, remove }
}
