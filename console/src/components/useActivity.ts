import { useQuery } from '@tanstack/react-query'
import { imagesQuery, isBeingMade } from '../api/images'
import { useUploads } from './Uploads'

export interface Doing {
  id: string
  name: string
  kind: 'upload' | 'image'
  percent: number | null
  size?: number
  sent?: number
  cancel?: () => void
}

/** The work under way: this browser's uploads, and the images of this project that are being made. */
export function useActivity(): Doing[] {
  const { uploads } = useUploads()
  const wanted = { kind: 'private' as const, status: 'in:saving,uploading,importing', limit: 100 }
  const { data } = useQuery({ ...imagesQuery(wanted), retry: false })
  const sending: Doing[] = uploads.map(({ id, name, sent, size, cancel }) => ({
    id, name, sent, size, cancel, kind: 'upload', percent: size ? Math.floor((sent / size) * 100) : null,
  }))
  const being = (data?.images ?? []).filter((image) => isBeingMade(image) && !uploads.some(({ id }) => id === image.id))
  const images = being.map((image): Doing => ({ id: image.id, name: image.name ?? image.id, kind: 'image', percent: image.effigy.progress }))
  return [...sending, ...images]
}
