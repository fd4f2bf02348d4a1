import { queryOptions } from '@tanstack/react-query'
import { ask, currentProject, effigy } from './http'
import { namesIn } from './stores'
import type { Verdict } from './verification'

export type Kind = 'public' | 'private' | 'shared' | 'community'
/** The lists of images: of a kind, or for an administrator those of all projects. */
export type ImagesTab = Kind | 'all'
export type ImageStatus = 'queued' | 'saving' | 'uploading' | 'importing' | 'active' | 'deactivated'

export interface Image {
  id: string
  name: string | null
  status: ImageStatus
  visibility: 'public' | 'private' | 'shared' | 'community'
  protected: boolean
  os_hidden: boolean
  disk_format: string | null
  container_format: string | null
  min_disk: number
  min_ram: number
  size: number | null
  virtual_size: number | null
  checksum: string | null
  os_hash_algo: string | null
  os_hash_value: string | null
  owner: string
  created_at: string
  updated_at: string
  tags: string[]
  /** The fields that the Image API leaves out. */
  effigy: {
    progress: number | null
    reason: string | null
    /** By today's rules; with how much could be told, and how many problems were found. */
    verdict: Verdict | null
    seen: 'whole' | 'partly' | 'unknown' | null
    problems: number | null
    stored_bytes: number | null
    has_disk: boolean
    file: 'uploaded' | 'rendered' | null
    /** The channel that it is a release of; the current one is not hidden. */
    channel: string | null
  }
  /** The stores that have it, those that it is on the way to, and those that could not take it. */
  stores?: string
  os_glance_importing_to_stores?: string
  os_glance_failed_import?: string
  /** The hold that keeps it from being Public, when it is declared so; for its own project alone. */
  os_effigy_public?: 'pending' | 'held'
  os_effigy_public_why?: string
  /** The same for one that is shared with others, or with everybody who asks. */
  os_effigy_sharing?: 'pending' | 'held'
  os_effigy_sharing_why?: string
  /** Its number as a release, and when it ends as one. */
  os_effigy_release?: string
  os_effigy_deprecated_at?: string
  os_effigy_retired_at?: string
  [property: string]: unknown
}

/** The conditions of a list; each that is not empty must hold. */
export interface ImageFilters {
  search?: string
  status?: string
  os_distro?: string
  tag?: string
  visibility?: string
  verdict?: string
  problems?: string
  os_hidden?: string
  failed?: string
  owner?: string
}

export interface ListImages extends ImageFilters {
  kind?: Kind
  sort?: string
  limit?: number
  marker?: string
  /** The image that the page ends before; in the place of a marker. */
  before?: string
}

export interface Counts {
  public: number
  private: number
  shared: number | null
  community: number
}

const query = (wanted: object) =>
  new URLSearchParams(
    Object.entries(wanted)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => [name, String(value)]),
  ).toString()

/** Whether the image changes by itself. */
export const isBeingMade = (image: Image) => ['saving', 'uploading', 'importing'].includes(image.status)

/** Whether it has bytes of which nothing is stated yet: that is being done, or is about to be. */
export const isBeingVerified = ({ status, effigy }: Image) =>
  (status === 'active' || status === 'deactivated') && effigy.has_disk && effigy.verdict === null

/** Whether it is ready, and on the way to further stores. */
export const isBeingCopied = (image: Image) => !isBeingMade(image) && namesIn(image.os_glance_importing_to_stores).length > 0

/** How soon a list or a page of images is out of date. */
const freshFor = (images: Image[], atRest: number) =>
  images.some(isBeingMade) ? 1000 : images.some(isBeingVerified) ? 3000 : atRest

/** The same order from its other end. */
const reversed = (sort: string | undefined) => (sort?.endsWith(':asc') ? sort.replace(/:asc$/, ':desc') : sort ? sort.replace(/:desc$/, ':asc') : 'created_at:asc')

interface ImagePage {
  images: Image[]
  next: string | null
}

/** A page after an image, or before one: that is the page after it in the reversed order. */
async function pageOf({ before, ...wanted }: ListImages, signal: AbortSignal): Promise<ImagePage> {
  const asked = before ? { ...wanted, marker: before, sort: reversed(wanted.sort) } : wanted
  const page = await effigy<ImagePage>(`/images?${query(asked)}`, { signal })
  return before ? { ...page, images: page.images.reverse() } : page
}

export const imagesQuery = (wanted: ListImages) =>
  queryOptions({
    queryKey: ['images', 'list', wanted],
    queryFn: ({ signal }) => pageOf(wanted, signal),
    refetchInterval: (query) => freshFor(query.state.data?.images ?? [], 30_000),
  })

/** So many images are saved as a file, and no more. */
const MOST_SAVED = 100_000

/** Every image of a list, page by page. */
export async function allImages(wanted: ListImages): Promise<Image[]> {
  const all: Image[] = []
  let marker: string | undefined
  do {
    const page = await effigy<ImagePage>(`/images?${query({ ...wanted, limit: 1000, marker })}`)
    all.push(...page.images)
    marker = page.next === null ? undefined : page.images.at(-1)?.id
  } while (marker !== undefined && all.length < MOST_SAVED)
  return all
}

export const countsQuery = (wanted: ImageFilters & { kind?: Kind }) =>
  queryOptions({
    queryKey: ['images', 'counts', wanted],
    queryFn: ({ signal }) => effigy<{ counts: Counts }>(`/images/counts?${query(wanted)}`, { signal }),
    select: (answer: { counts: Counts }) => answer.counts,
    refetchInterval: 30_000,
  })

export const imageQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'one', id],
    queryFn: ({ signal }) => effigy<Image>(`/images/${id}`, { signal }),
    refetchInterval: ({ state: { data } }) => (data && isBeingCopied(data) ? 1000 : freshFor(data ? [data] : [], 30_000)),
  })

/** The record of this moment. */
export const imageNow = (id: string) => effigy<Image>(`/images/${id}`)

/** The images that this one goes back to, the nearest first. */
export const ancestorsQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'ancestors', id],
    queryFn: ({ signal }) => effigy<{ images: Image[] }>(`/images/${id}/ancestors`, { signal }),
    select: (answer: { images: Image[] }) => answer.images,
  })

export interface Figures {
  logical_bytes: number
  stored_bytes: number
  shared_bytes: number
  unique_bytes: number
  compared_with: number
}

/** The bytes that an image takes, and how many of them no other image has that the caller sees. */
export const figuresQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'figures', id],
    queryFn: ({ signal }) => effigy<{ storage: Figures }>(`/images/${id}/storage`, { signal }),
    select: (answer: { storage: Figures }) => answer.storage,
    staleTime: 60_000,
  })

/** The images made from this one's instances. */
export const descendantsQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'descendants', id],
    queryFn: ({ signal }) => effigy<{ images: Image[] }>(`/images/${id}/descendants`, { signal }),
    select: (answer: { images: Image[] }) => answer.images,
  })

/** The images of this project that were made from an instance. */
export const imagesOfInstanceQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'of-instance', id],
    queryFn: ({ signal }) => effigy<{ images: Image[] }>(`/images?kind=private&limit=100&instance_uuid=${id}`, { signal }),
    select: (answer: { images: Image[] }) => answer.images,
    refetchInterval: (query) => (query.state.data?.images.some(isBeingMade) ? 1000 : 30_000),
  })

/** Names of images by their ids, for lists that only know ids. */
export const imageNamesQuery = (ids: string[]) =>
  queryOptions({
    queryKey: ['images', 'names', ids],
    queryFn: ({ signal }) => ask<{ images: Image[] }>(`/image/v2/images?limit=1000&id=in:${ids.join(',')}`, { signal }),
    select: (answer: { images: Image[] }): Partial<Record<string, string>> => Object.fromEntries(answer.images.map(({ id, name }) => [id, name ?? id])),
    enabled: ids.length > 0,
    staleTime: 60_000,
    placeholderData: (was: { images: Image[] } | undefined) => was,
  })

/** The images that other projects offer this one, and that nobody here has accepted or rejected yet. */
export const offeredQuery = queryOptions({
  queryKey: ['images', 'offered'],
  queryFn: ({ signal }) => effigy<{ images: Image[] }>('/images?kind=shared&member_status=pending&limit=100', { signal }),
  select: (answer: { images: Image[] }) => answer.images,
})

export interface NewImage {
  name: string
  disk_format: string
  container_format: 'bare' | 'compressed'
  min_disk?: number
  min_ram?: number
  os_distro?: string
}

export interface Patch {
  op: 'add' | 'replace' | 'remove'
  path: string
  value?: unknown
}

export const createImage = (body: NewImage) => ask<Image>('/image/v2/images', { method: 'POST', body })
export const changeImage = (id: string, patch: Patch[]) =>
  ask<Image>(`/image/v2/images/${id}`, {
    method: 'PATCH',
    body: patch,
    headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
  })
/** Makes an image Public; with an administrator's reason, whatever was found inside. */
export const publishImage = (id: string, reason?: string) =>
  changeImage(id, [
    { op: 'replace', path: '/visibility', value: 'public' },
    ...(reason ? [{ op: 'add' as const, path: '/effigy_public_reason', value: reason }] : []),
  ])
export const deleteImage = (id: string, project?: string) => ask<void>(`/image/v2/images/${id}`, { method: 'DELETE', project })
export const setActive = (id: string, active: boolean) =>
  ask<void>(`/image/v2/images/${id}/actions/${active ? 'reactivate' : 'deactivate'}`, { method: 'POST' })
/** Ends a share. */
export const removeMember = (id: string, member: string) =>
  ask<void>(`/image/v2/images/${id}/members/${member}`, { method: 'DELETE' })
export const decide = (id: string, member: string, status: 'accepted' | 'rejected') =>
  ask<void>(`/image/v2/images/${id}/members/${member}`, { method: 'PUT', body: { status } })
export const fileUrl = (id: string) => `/image/v2/images/${id}/file`
/** The same for a link, which names its project itself. */
export const fileLink = (id: string) => `${fileUrl(id)}?effigy_project=${currentProject() ?? ''}`

/** So many things of a project are counted, and no more. */
export const MOST_COUNTED = 1000

/** A project's own images, for an administrator. */
export const imagesOfProjectQuery = (project: string) =>
  queryOptions({
    queryKey: ['images', 'of-project', project],
    queryFn: ({ signal }) => ask<{ images: Image[] }>(`/image/v2/images?owner=${project}&limit=${MOST_COUNTED}`, { signal }),
    select: (answer: { images: Image[] }) => answer.images,
  })
