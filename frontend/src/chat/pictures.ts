/** Pictures from the customer: look at them before they travel, upload with progress. */
import type { Picture, Shop } from './protocol'

export type PictureFault = 'type' | 'size' | 'limit' | 'failed'

export interface Uploaded extends Picture {
  picture: string
}

export function pictureFault(file: File, shop: Shop): PictureFault | null {
  if (!shop.picture_types.includes(file.type)) return 'type'
  return file.size > shop.picture_max_bytes ? 'size' : null
}

/**
 * Draw a small copy. A canvas, because a strict `img-src` of the host page forbids blob: images.
 */
export async function drawPreview(file: File, canvas: HTMLCanvasElement): Promise<void> {
  const bitmap = await createImageBitmap(file)
  const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height)
  const width = bitmap.width * scale
  const height = bitmap.height * scale
  const [x, y] = [(canvas.width - width) / 2, (canvas.height - height) / 2]
  canvas.getContext('2d')?.drawImage(bitmap, x, y, width, height)
  bitmap.close()
}

function faultOf(status: number): PictureFault {
  if (status === 413) return 'size'
  if (status === 415) return 'type'
  return status === 429 ? 'limit' : 'failed'
}

export interface UploadTo {
  address: string
  token: string
}

/** Send the raw bytes. XMLHttpRequest, because `fetch` tells nothing of the way up. */
export function upload(
  file: File,
  to: UploadTo,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', to.address)
    request.setRequestHeader('Authorization', `Bearer ${to.token}`)
    request.setRequestHeader('Content-Type', file.type)
    request.responseType = 'json'
    request.timeout = 120_000
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total)
    }
    request.onload = () => {
      const answer = request.response as Uploaded | null
      if (request.status === 201 && answer?.picture) resolve(answer)
      else reject(faultOf(request.status))
    }
    request.onerror = request.ontimeout = () => reject('failed' satisfies PictureFault)
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}
