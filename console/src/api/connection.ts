// Whether the service answers: every request tells, and who shows it listens.

let heardAt = Date.now()
let lostSince: number | null = null
const listeners = new Set<() => void>()

function become(since: number | null) {
  lostSince = since
  listeners.forEach((listener) => listener())
}

/** The service has answered. */
export function heard() {
  heardAt = Date.now()
  if (lostSince !== null) become(null)
}

/** The service could not be reached. */
export function unheard() {
  if (lostSince === null) become(heardAt)
}

/** When the service answered last, if it cannot be reached now; a time in milliseconds. */
export const connectionLostSince = () => lostSince

export function onConnection(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
