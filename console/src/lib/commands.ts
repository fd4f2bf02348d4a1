// The console's actions as commands and as Terraform. Text that a person typed is quoted, and nothing in it is special.
import type { Launch } from '../api/instances'
import type { Terms } from '../api/shares'
import type { Container } from './formats'

/** A word for a POSIX shell. */
export const shellWord = (text: string) =>
  /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** A string of Terraform's language. */
export const terraformString = (text: string) =>
  JSON.stringify(text).replaceAll(/[$%](?={)/g, (sign) => sign + sign)

/** A name that Terraform takes for a resource. */
const labelOf = (name: string, prefix: string) => name.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^(?=\d)|^$/, prefix)

export function launchAsCommand(launch: Launch, hasUserData: boolean): string {
  const parts = [`openstack server create ${shellWord(launch.name)}`]
  parts.push(`--image ${launch.imageRef}`, `--flavor ${shellWord(launch.flavorRef)}`)
  if (launch.networks === 'none') parts.push('--nic none')
  if (launch.key_name) parts.push(`--key-name ${shellWord(launch.key_name)}`)
  if (hasUserData) parts.push('--user-data user-data.txt')
  if (launch.max_count > 1) parts.push(`--min ${launch.min_count} --max ${launch.max_count}`)
  return parts.join(' \\\n    ')
}

export function launchAsTerraform(launch: Launch, hasUserData: boolean): string {
  const label = labelOf(launch.name, 'instance_')
  const name = launch.max_count > 1 ? terraformString(launch.name).replace(/"$/, '-${count.index + 1}"') : terraformString(launch.name)
  const lines: [string, string][] = []
  if (launch.max_count > 1) lines.push(['count', String(launch.max_count)])
  lines.push(['name', name], ['image_id', terraformString(launch.imageRef)], ['flavor_id', terraformString(launch.flavorRef)])
  lines.push(['network_mode', terraformString(launch.networks)])
  if (launch.key_name) lines.push(['key_pair', terraformString(launch.key_name)])
  if (hasUserData) lines.push(['user_data', 'file("user-data.txt")'])
  const width = Math.max(...lines.map(([key]) => key.length))
  const body = lines.map(([key, value]) => `  ${key.padEnd(width)} = ${value}`).join('\n')
  return `resource "openstack_compute_instance_v2" "${label}" {\n${body}\n}`
}

export interface NewFrom {
  name: string
  disk_format: string
  container: Container
  /** Another than the default one. */
  store?: string
}

const format = ({ disk_format, container }: NewFrom) => `--disk-format ${shellWord(disk_format)} --container-format ${container}`

/** For a compressed file: `openstack` has a list of container formats, and this is not in it. */
const glance = (command: string, from: NewFrom, ...more: string[]) =>
  [`# pip install python-glanceclient\nglance ${command}`, `--name ${shellWord(from.name)}`, format(from), ...more].join(' \\\n    ')

/** For a record that waits for its file. */
export const uploadAgainAsCommand = ({ id, file, store }: { id: string; file: string; store?: string }) => {
  const stage = `openstack image stage ${id} \\\n    --progress --file ${shellWord(file)}`
  return `${stage}\nopenstack image import ${id} \\\n    --method glance-direct${store ? ` \\\n    --store ${shellWord(store)}` : ''}`
}

/** The client names a store only when it imports. */
export const uploadAsCommand = ({ file, ...from }: NewFrom & { file: string }) => {
  const { name, store } = from
  if (from.container === 'compressed') return glance('image-create', from, `--progress --file ${shellWord(file)}`, ...(store ? [`--store ${shellWord(store)}`] : []))
  const create = `openstack image create ${shellWord(name)} \\\n    ${format(from)}`
  const sent = `--progress --file ${shellWord(file)}`
  if (!store) return `${create} \\\n    ${sent}`
  return `${create}\nopenstack image stage ${shellWord(name)} \\\n    ${sent}\nopenstack image import ${shellWord(name)} \\\n    --method glance-direct \\\n    --store ${shellWord(store)}`
}

export const importAsCommand = ({ uri, ...from }: NewFrom & { uri: string }) => {
  // These clients take an input that is no terminal for the file.
  const { name, store } = from
  const source = `--uri ${shellWord(uri)}`
  if (from.container === 'compressed') return glance('image-create-via-import', from, '--import-method web-download', source, ...(store ? [`--store ${shellWord(store)}`] : []), '</dev/tty')
  return (
    // By its id: another image may have the name.
    `IMAGE=$(openstack image create ${shellWord(name)} \\\n    ${format(from)} -f value -c id </dev/tty)\n` +
    `openstack image import "$IMAGE" \\\n    --method web-download \\\n    ${source}` +
    (store ? ` \\\n    --store ${shellWord(store)}` : '')
  )
}

/** The stores come last: the client takes every word after --store for one. */
export const copyAsCommand = (image: string, stores: string[]) =>
  `openstack image import ${shellWord(image)} \\\n    --method copy-image \\\n    --store ${stores.map(shellWord).join(' ')}`

export const removeFromStoreAsCommand = (image: string, store: string) =>
  `openstack image delete ${shellWord(image)} \\\n    --store ${shellWord(store)}`

export const importAsTerraform = ({ uri, name, disk_format, container }: NewFrom & { uri: string }) =>
  `resource "openstack_images_image_v2" "${labelOf(name, 'image_')}" {
  name             = ${terraformString(name)}
  image_source_url = ${terraformString(uri)}
  web_download     = true
  disk_format      = ${terraformString(disk_format)}
  container_format = ${terraformString(container)}${container === 'bare' ? '' : `

  # It is bare once it is unpacked.
  lifecycle {
    ignore_changes = [container_format]
  }`}
}`

export const createImageAsCommand = (instance: string, name: string) =>
  `openstack server image create ${shellWord(instance)} \\\n    --name ${shellWord(name)} --wait`

export function shareAsCommand(image: string, added: string[], removed: string[]): string {
  const line = (verb: string) => (project: string) => `openstack image ${verb} project \\\n    ${shellWord(image)} \\\n    ${shellWord(project)}`
  return [...added.map(line('add')), ...removed.map(line('remove'))].join('\n')
}

/** The clients of the Image API know no terms: Effigy's own API does. */
export function shareOnTermsAsCommand(origin: string, image: string, added: string[], removed: string[], terms: Terms): string {
  const share = (project: string) =>
    [
      `curl --fail-with-body ${shellWord(`${origin}/effigy/v1/images/${image}/shares`)}`,
      '-H "X-Auth-Token: $TOKEN"',
      "-H 'Content-Type: application/json'",
      `--data-raw ${shellWord(JSON.stringify({ project, ...terms }))}`,
    ].join(' \\\n    ')
  const ended = removed.length > 0 ? [shareAsCommand(image, [], removed)] : []
  return ['TOKEN=$(openstack token issue -f value -c id)', ...added.map(share), ...ended].join('\n')
}

export const shareAsTerraform = (image: string, added: string[]) =>
  added
    .map(
      (id) => `resource "openstack_images_image_access_v2" "${labelOf(id, 'project_')}" {
  image_id  = ${terraformString(image)}
  member_id = ${terraformString(id)}
}`,
    )
    .join('\n\n')

/** Text in base64, by its UTF-8 bytes. */
export const base64 = (text: string) => btoa(String.fromCodePoint(...new TextEncoder().encode(text)))

/** Fetches the deployment's public key, and checks a saved statement with it; and a file, if there is one to compare. */
export const statementCommand = (origin: string, statement: string, image: string) =>
  [
    `curl ${shellWord(`${origin}/effigy/v1/verification-key`)} |`,
    '    jq -r .public_key >key.pem',
    [`effigy verify ${shellWord(statement)}`, '--key key.pem', ...(image ? [`--image ${shellWord(image)}`] : [])].join(' \\\n    '),
  ].join('\n')
