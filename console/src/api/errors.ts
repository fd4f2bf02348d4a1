/** The API's message, and the id that leads the operator to the reason. */
export class ApiError extends Error {
  constructor(
    /** 0 when the service could not be reached. */
    readonly status: number,
    message: string,
    readonly requestId: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

/** Whether a request that does no harm twice is made again: one that the service refused would be refused again. */
export const askAgain = (failed: number, error: unknown) => failed < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500)

/** Whether the thing that was asked for is not there, or not there any more. */
export const isGone = (error: unknown) => error instanceof ApiError && error.status === 404

/** The message in any of the dialects' error bodies. */
export function messageOf(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) {
      for (const value of Object.values(parsed as Record<string, unknown>)) {
        if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message)
      }
    }
  } catch {
    // Not JSON: nothing of it is worth showing.
  }
  return ''
}

/** The words of a `Warning` header (RFC 7234, 5.5); nothing when there is none. A header's bytes are read as Latin-1. */
export function warningOf(header: string | null): string {
  const words = /^\d{3} \S+ "(.*)"$/.exec(header ?? '')?.[1] ?? ''
  return new TextDecoder().decode(Uint8Array.from(words, (sign) => sign.charCodeAt(0)))
}
