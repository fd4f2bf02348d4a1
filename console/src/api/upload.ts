// A file on its way to the service, in parts (tus 1.0): after a lost connection it goes on where it was, and after a closed
// page too, once the person chooses the file again.
import { DetailedError, Upload } from 'tus-js-client'
import { heard, unheard } from './connection'
import { ApiError, isGone, messageOf } from './errors'
import { ask, askWhole, changed, inProject, isGateway, sessionEnded } from './http'
import type { Image } from './images'

const UPLOADS = '/effigy/v1/uploads'

/** The pauses before a lost connection is tried again: a quarter of an hour in all, and anew after each byte that went. */
const PAUSES = [0, 1000, 2000, 5000, ...Array.from({ length: 90 }, () => 10_000)]
/** How often it is asked whether the service has saved what was sent. */
const ASK_MS = 1000

/** An upload that is under way into an image. */
interface Begun {
  id: string
  kept_bytes: number
  whole_bytes: number
  metadata: Partial<Record<string, string>>
}

/** The upload in parts that is under way into an image; `null` when there is none, as where its bytes were staged. */
export async function begun(image: string, options: { project?: string; signal?: AbortSignal } = {}): Promise<Begun | null> {
  try {
    return await ask<Begun>(`/effigy/v1/images/${image}/upload`, options)
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** Whether this is the file that the upload began with, as far as a browser can tell. */
export const isSameFile = ({ whole_bytes, metadata }: Begun, file: File) =>
  whole_bytes === file.size && metadata.filename === file.name && metadata.modified === String(file.lastModified)

interface Sending {
  id: string
  file: File
  store?: string
  project?: string
  /** The upload that it goes on with; none where it begins. */
  upload?: string
}

/**
 * Sends an image its file, and waits until it is saved; the promise is rejected with an `AbortError` when the sending is
 * cancelled, and with the service's reason when the file is refused.
 */
export function send(sending: Sending, progress: (sent: number) => void) {
  const control = new AbortController()
  const done = (async () => {
    const upload = sending.upload ?? (await begin(sending))
    await parts(sending, upload, progress, control.signal)
    await saved(sending, control.signal)
  })().catch((error: unknown) => {
    control.signal.throwIfAborted()
    throw error
  })
  return { done, cancel: () => control.abort(new DOMException('cancelled', 'AbortError')) }
}

const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

/** Begins an upload; its id. */
async function begin({ id, file, store, project }: Sending) {
  const metadata = Object.entries({ image_id: id, filename: file.name, modified: String(file.lastModified) })
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': String(file.size), 'upload-metadata': metadata.map(([name, value]) => `${name} ${encode(value)}`).join(',') }
  const { headers: answer } = await askWhole(UPLOADS, { method: 'POST', project, headers: store ? { ...headers, 'x-image-meta-store': store } : headers })
  // The address may be the one that other clients know this service by.
  return answer.get('location')?.split('/').at(-1) ?? ''
}

function parts({ file, project }: Sending, id: string, progress: (sent: number) => void, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const upload = new Upload(file, {
      uploadUrl: `${UPLOADS}/${id}`,
      headers: inProject(project),
      retryDelays: PAUSES,
      // The image is the upload's name: the browser need not remember any.
      storeFingerprintForResuming: false,
      onProgress: progress,
      onAfterResponse: (_, response) => (isGateway(response.getStatus()) ? unheard() : heard()),
      onShouldRetry: (error) => {
        const status = statusOf(error)
        if (status === 0) unheard()
        return status === 0 || status === 409 || status === 429 || status >= 500
      },
      onSuccess: () => {
        changed()
        resolve()
      },
      onError: (error) => {
        if (statusOf(error) === 401) sessionEnded()
        reject(refusalOf(error))
      },
    })
    const cancel = () => void upload.abort().finally(() => reject(signal.reason as Error))
    if (signal.aborted) return cancel()
    signal.addEventListener('abort', cancel, { once: true })
    upload.start()
  })
}

const statusOf = (error: Error) => (error instanceof DetailedError ? (error.originalResponse?.getStatus() ?? 0) : 0)

function refusalOf(error: Error): ApiError {
  const response = error instanceof DetailedError ? error.originalResponse : null
  return new ApiError(statusOf(error), messageOf(response?.getBody() ?? ''), response?.getHeader('x-openstack-request-id') ?? '')
}

/** Waits until what was sent is an image. Meanwhile the service may be away: it goes on when it is back. */
async function saved({ id, project }: Sending, signal: AbortSignal) {
  for (;;) {
    try {
      const { status, effigy } = await ask<Image>(`/effigy/v1/images/${id}`, { project, signal })
      if (status === 'active' || status === 'deactivated') return
      if (status !== 'importing') throw new ApiError(400, effigy.reason ?? '', '')
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ApiError) || (error.status > 0 && error.status < 500 && error.status !== 429)) throw error
    }
    await new Promise((wake) => setTimeout(wake, ASK_MS))
  }
}
