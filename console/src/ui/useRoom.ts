import { type RefObject, useEffect, useRef, useState } from 'react'

/** How wide an element is, in CSS pixels, as the page changes. */
export function useRoom<T extends HTMLElement>(): [RefObject<T | null>, number] {
  const at = useRef<T>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (!at.current) return
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    observer.observe(at.current)
    return () => observer.disconnect()
  }, [])
  return [at, width]
}
