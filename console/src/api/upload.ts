// A file on its way to the service: `fetch` says nothing of how far it is.
import { ApiError, messageOf } from './errors'
import { sessionEnded } from './http'
import { fileUrl } from './images'

/** Sends an image its file; the promise is rejected with an `AbortError` when the sending is cancelled. */
export function send(id: string, file: File, store: string | undefined, progress: (sent: number) => void) {
  const request = new XMLHttpRequest()
  const done = new Promise<void>((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.loaded)
    request.onload = () => {
      if (request.status < 300) return resolve()
      if (request.status === 401) sessionEnded()
      const requestId = request.getResponseHeader('x-openstack-request-id') ?? ''
      reject(new ApiError(request.status, messageOf(request.responseText), requestId))
    }
    request.onerror = () => reject(new ApiError(0, '', ''))
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'))
  })
  request.open('PUT', fileUrl(id))
  request.setRequestHeader('content-type', 'application/octet-stream')
  if (store) request.setRequestHeader('x-image-meta-store', store)
  request.send(file)
  return { done, cancel: () => request.abort() }
}
