// Every request of the console goes through here: the session's cookie goes with it by itself.
import { heard, unheard } from './connection'
import { ApiError, messageOf } from './errors'

type Listener = () => void
const listeners = new Set<Listener>()

/** Calls back when a request was refused because the session has ended. */
export function onSessionEnded(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const changes = new Set<Listener>()

/** Calls back when a request of this tab may have changed something. */
export function onChange(listener: Listener): () => void {
  changes.add(listener)
  return () => changes.delete(listener)
}

/** Something may have changed. */
export const changed = () => changes.forEach((listener) => listener())

/** The project that this tab works in, by id. Other tabs have their own. */
let project: string | undefined
export const currentProject = () => project
export const workIn = (id: string | undefined) => {
  project = id
}

/** Says in which project a request is made: the browser has a cookie for each. */
export const inProject = (id: string | null | undefined): Record<string, string> => (id ? { 'x-effigy-project': id } : {})

/** A gateway that answers in the service's place: it is not reached either. */
export const isGateway = (status: number) => status === 502 || status === 504

export interface Options {
  method?: string
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Another project than the tab's; `null` for the one worked in last, in whichever tab. */
  project?: string | null
  /** A 401 of this request says something about itself, not about the session. */
  isSignIn?: boolean
}

/** Asks, and reads the JSON of the answer; an answer without a body is `undefined`. */
export const ask = async <T>(path: string, options: Options = {}): Promise<T> => (await askWhole<T>(path, options)).body

/** The same, with the headers of the answer. */
export async function askWhole<T>(path: string, options: Options = {}): Promise<{ body: T; headers: Headers }> {
  const { method = 'GET', body, signal, isSignIn } = options
  const headers = { ...inProject(options.project === undefined ? project : options.project), ...options.headers }
  let response: Response
  try {
    response = await fetch(path, {
      method,
      signal,
      credentials: 'same-origin',
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    unheard()
    throw new ApiError(0, '', '')
  }
  if (isGateway(response.status)) unheard()
  else heard()
  const text = await response.text()
  if (!response.ok) {
    if (response.status === 401 && !isSignIn) listeners.forEach((listener) => listener())
    const id = response.headers.get('x-openstack-request-id') ?? ''
    throw new ApiError(response.status, messageOf(text), id)
  }
  // A question is asked for a query, which can be dropped; a change cannot. Signing in changes nothing in the project.
  if (method !== 'GET' && !signal && !isSignIn) changed()
  return { body: (text === '' ? undefined : JSON.parse(text)) as T, headers: response.headers }
}

/** Effigy's own API. */
export const effigy = <T>(path: string, options: Options = {}) => ask<T>(`/effigy/v1${path}`, options)

/** The Compute API at the newest microversion the console knows. */
export function compute<T>(path: string, options: Options = {}): Promise<T> {
  const headers = { 'openstack-api-version': 'compute 2.96', ...options.headers }
  return ask<T>(`/compute/v2.1${path}`, { ...options, headers })
}

/** Tells everyone who listens that the session has ended, for transports other than fetch. */
export function sessionEnded() {
  listeners.forEach((listener) => listener())
}

/** Whether the service answers again. */
export async function isThere(): Promise<boolean> {
  try {
    const { status } = await fetch('/healthz')
    if (isGateway(status)) return false
    heard()
    return true
  } catch {
    return false
  }
}
