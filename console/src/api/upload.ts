// A file on its way to the service: `fetch` says nothing of how far it is.
import { heard, unheard } from './connection'
import { ApiError, messageOf } from './errors'
import { changed, inProject, sessionEnded } from './http'
import { fileUrl } from './images'

/** Sends an image its file; the promise is rejected with an `AbortError` when the sending is cancelled. */
export function send({ id, file, store, project }: { id: string; file: File; store?: string; project?: string }, progress: (sent: number) => void) {
  const request = new XMLHttpRequest()
  const done = new Promise<void>((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.loaded)
    request.onload = () => {
      heard()
      changed()
      if (request.status < 300) return resolve()
      if (request.status === 401) sessionEnded()
      const requestId = request.getResponseHeader('x-openstack-request-id') ?? ''
      reject(new ApiError(request.status, messageOf(request.responseText), requestId))
    }
    request.onerror = () => {
      unheard()
      reject(new ApiError(0, '', ''))
    }
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'))
  })
  request.open('PUT', fileUrl(id))
  request.setRequestHeader('content-type', 'application/octet-stream')
  for (const [name, value] of Object.entries(inProject(project))) request.setRequestHeader(name, value)
  if (store) request.setRequestHeader('x-image-meta-store', store)
  request.send(file)
  return { done, cancel: () => request.abort() }
}
