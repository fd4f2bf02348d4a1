// The part of an image's record that a person edits, and the change that leads from one to another.
import type { Image, Patch } from '../api/images'
import type { Definition } from '../api/metadefs'

/** The fields that are a record's own, or said elsewhere on the page; all others are properties. */
const RECORD = new Set([
  'id', 'name', 'status', 'visibility', 'protected', 'os_hidden', 'disk_format', 'container_format', 'min_disk', 'min_ram',
  'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'owner', 'created_at', 'updated_at', 'tags', 'effigy',
  'self', 'file', 'schema', 'stores', 'os_glance_import_task', 'os_glance_importing_to_stores', 'os_glance_failed_import', 'os_effigy_public', 'os_effigy_public_why', 'os_effigy_sharing', 'os_effigy_sharing_why', 'os_effigy_release', 'os_effigy_deprecated_at', 'os_effigy_retired_at',
])

export const propertiesOf = (image: Image) => Object.entries(image).filter(([name]) => !RECORD.has(name))

/** Names that a property cannot have: the record has them, or the service writes them. */
export const isTaken = (name: string) => RECORD.has(name) || /^(effigy|os_effigy|os_glance|os_hash)_/.test(name)

/** The properties that have a field of their own, whether they are there or not. */
export const FACTS = ['os_type', 'os_distro', 'os_version', 'architecture', 'os_admin_user'] as const

export interface Edited {
  name: string
  visibility: Image['visibility']
  protected: boolean
  os_hidden: boolean
  min_disk: number
  min_ram: number
  tags: string[]
  properties: Record<string, string>
}

export function editedOf(image: Image): Edited {
  const { visibility, os_hidden, min_disk, min_ram, tags } = image
  const own = propertiesOf(image).filter(([name]) => !isTaken(name)).map(([name, value]) => [name, String(value)])
  return { name: image.name ?? '', visibility, protected: image.protected, os_hidden, min_disk, min_ram, tags: [...tags].sort(), properties: Object.fromEntries(own) as Record<string, string> }
}

const path = (name: string) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
const ATTRIBUTES = ['name', 'visibility', 'protected', 'os_hidden', 'min_disk', 'min_ram', 'tags'] as const

/** One change that makes the one into the other. */
export function patchOf(before: Edited, after: Edited): Patch[] {
  const attributes = ATTRIBUTES.filter((name) => !same(before[name], after[name])).map((name): Patch => ({ op: 'replace', path: path(name), value: after[name] }))
  const set = Object.entries(after.properties).filter(([name, value]) => before.properties[name] !== value).map(([name, value]): Patch => ({ op: 'add', path: path(name), value }))
  const gone = Object.keys(before.properties).filter((name) => !(name in after.properties)).map((name): Patch => ({ op: 'remove', path: path(name) }))
  return [...attributes, ...gone, ...set]
}

/** The names that both this change and somebody else meanwhile gave another value; where both gave the same, nobody loses. */
export function conflicts(before: Edited, after: Edited, fresh: Edited): string[] {
  const attributes = ATTRIBUTES.filter((name) => !same(before[name], after[name]) && !same(before[name], fresh[name]) && !same(after[name], fresh[name]))
  const names = new Set([before, after].flatMap(({ properties }) => Object.keys(properties)))
  const properties = [...names].filter((name) => {
    const [was, wanted, is] = [before, after, fresh].map((of) => of.properties[name])
    return was !== wanted && was !== is && wanted !== is
  })
  return [...attributes, ...properties]
}

/** The change upon a record that somebody else has changed meanwhile: only what this person touched. */
export function onto(before: Edited, after: Edited, fresh: Edited): Edited {
  const merged: Edited = { ...fresh, properties: { ...fresh.properties } }
  for (const name of ATTRIBUTES) if (!same(before[name], after[name])) Object.assign(merged, { [name]: after[name] })
  for (const [name, value] of Object.entries(after.properties)) if (before.properties[name] !== value) merged.properties[name] = value
  for (const name of Object.keys(before.properties)) if (!(name in after.properties)) delete merged.properties[name]
  return merged
}

/** Whether a property's text is a yes, as OpenStack reads it. */
export const isYes = (text: string) => /^(true|t|yes|y|on|1)$/i.test(text.trim())

/** Why a value is not what its definition says: a key of the messages; nothing when it is. */
export function misfit(value: string, { enum: words, type, minimum, maximum, minLength, maxLength, pattern }: Definition): 'choice' | 'number' | 'range' | 'length' | 'pattern' | undefined {
  if (words && words.length > 0) return words.map(String).includes(value) ? undefined : 'choice'
  if (type === 'integer' || type === 'number') {
    const number = Number(value)
    if (value.trim() === '' || !Number.isFinite(number) || (type === 'integer' && !Number.isInteger(number))) return 'number'
    return (minimum !== undefined && number < minimum) || (maximum !== undefined && number > maximum) ? 'range' : undefined
  }
  if ((minLength !== undefined && value.length < minLength) || (maxLength !== undefined && value.length > maxLength)) return 'length'
  try {
    return pattern && !new RegExp(pattern).test(value) ? 'pattern' : undefined
  } catch {
    // Python's patterns are not all JavaScript's: the service does not hold to them either.
    return undefined
  }
}
