import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Launch } from '../api/instances'
import { messageOf, warningOf } from '../api/errors'
import { findings } from '../locales/findings.en'
import { bytes } from './bytes'
import { copyAsCommand, importAsCommand, importAsTerraform, launchAsCommand, launchAsTerraform, removeFromStoreAsCommand, shareAsCommand, shareAsTerraform, shareOnTermsAsCommand, shellWord, statementCommand, terraformString, uploadAsCommand } from './commands'
import { containerOf, formatOf, nameOf } from './formats'
import { plainText, visible } from './text'
import { ago } from './time'

const wanted: Launch = { name: 'my $(id) clone', imageRef: 'I', flavorRef: '1', min_count: 3, max_count: 3, networks: 'auto' }

test('bytes have three digits and a unit', () => {
  expect([0, 999, 1000, 1024, 1536, 104857600, 1024 ** 4].map(bytes)).toEqual(['0 B', '999 B', '0.98 KiB', '1 KiB', '1.5 KiB', '100 MiB', '1 TiB'])
  expect(bytes(null)).toBe('–')
})

test('a name in a command is inert', () => {
  expect(shellWord('$(id)')).toBe("'$(id)'")
  expect(shellWord("it's")).toBe(`'it'\\''s'`)
  expect(launchAsCommand(wanted, false)).toContain("'my $(id) clone'")
})

test('a name in Terraform is inert', () => {
  expect(terraformString('${file("/etc/passwd")}')).toBe('"$${file(\\"/etc/passwd\\")}"')
  expect(launchAsTerraform(wanted, false)).toContain('"my $(id) clone-${count.index + 1}"')
})

test('no sign in a name turns round what is beside it', () => {
  expect(visible('live\u202egnp.exe')).toBe('live\ufffdgnp.exe')
  expect(visible('서버 \u200d👩‍💻')).toBe('서버 \u200d👩‍💻')
})

test('a line that a guest wrote over is its last', () => {
  expect(plainText('10 %\r20 %\r100 %\r\ndone\r\n')).toBe('100 %\ndone\n')
})

test('a guest’s escape sequences are not shown', () => {
  expect(plainText('\u001b[31mred\u001b[0m \u001b]0;title\u0007<b>\r\nnext\u0008')).toBe('red <b>\nnext')
})

test('a warning’s words are found, whatever they are written in', () => {
  const bytes = Buffer.from('299 effigy "token (/home/김)"').toString('latin1')
  expect(warningOf(bytes)).toBe('token (/home/김)')
  expect([null, 'odd'].map(warningOf)).toEqual(['', ''])
})

test('every dialect’s message is found', () => {
  expect(messageOf('{"error":{"code":404,"title":"Not Found","message":"gone"}}')).toBe('gone')
  expect(messageOf('{"conflictingRequest":{"code":409,"message":"stop it first"}}')).toBe('stop it first')
  expect(messageOf('<html>')).toBe('')
})

test('ages are told in the person’s language', () => {
  const now = Date.parse('2026-08-01T12:00:00Z')
  expect(ago('2026-08-01T11:58:00', 'en', now)).toBe('2 min. ago')
  expect(ago('2026-07-31T12:00:00Z', 'ko', now)).toBe('어제')
})

test('uploading, importing and sharing are commands with inert words', () => {
  const odd = { name: "$(id) '", disk_format: 'raw', container: 'bare' as const }
  expect(uploadAsCommand({ ...odd, file: 'a b.raw' })).toContain("create '$(id) '\\''' ")
  expect(uploadAsCommand({ ...odd, file: 'a b.raw' })).toContain("--file 'a b.raw'")
  expect(importAsCommand({ ...odd, uri: 'https://x/?a=$(id)' })).toContain("--uri 'https://x/?a=$(id)'")
  expect(importAsTerraform({ ...odd, name: '${x}', uri: 'https://x/' })).toContain('name             = "$${x}"')
  const packed = { ...odd, container: 'compressed' as const }
  const commands = [uploadAsCommand({ ...packed, file: 'a.raw.xz' }), importAsCommand({ ...packed, uri: 'https://x/' })]
  for (const command of commands) expect(command).toMatch(/\nglance image-create.*--name '\$\(id\).*--container-format compressed/s)
  expect(importAsTerraform({ ...packed, uri: 'https://x/' })).toContain('ignore_changes = [container_format]')
  expect(importAsTerraform({ ...odd, uri: 'https://x/' })).not.toContain('lifecycle')
  expect(shareAsCommand('I', ['a'], ['b']).split('\n').filter((line) => line.startsWith('openstack'))).toEqual(['openstack image add project \\', 'openstack image remove project \\'])
  expect(shareAsTerraform('I', ['0a'])).toContain('"project_0a"')
})

test('sharing on terms is a command of the API that has them, and no word in a note is one', () => {
  const command = shareOnTermsAsCommand('https://x', 'I', ['a'], ['b'], { expires_at: '2027-01-01T00:00:00Z', note: "it's $(id)\n`id`" })
  expect(command.split('\n')[0]).toBe('TOKEN=$(openstack token issue -f value -c id)')
  expect(command).toContain('curl --fail-with-body https://x/effigy/v1/images/I/shares \\\n')
  expect(command).toContain(`--data-raw '{"project":"a","expires_at":"2027-01-01T00:00:00Z","note":"it'\\''s $(id)\\n\`id\`"}'`)
  expect(command).toMatch(/\nopenstack image remove project [^]*b$/)
})

test('another store than the default one is named where the client has a word for it', () => {
  const plain = { name: 'a', disk_format: 'raw', container: 'bare' as const }
  const lines = uploadAsCommand({ ...plain, file: 'a.raw', store: 'archive' }).split('\n').filter((line) => line.startsWith('openstack'))
  expect(lines).toEqual(['openstack image create a \\', 'openstack image stage a \\', 'openstack image import a \\'])
  expect(importAsCommand({ ...plain, uri: 'https://x/', store: 'archive' })).toMatch(/--uri https:\/\/x\/ \\\n    --store archive$/)
  // The client takes every word after --store for a store.
  expect(copyAsCommand('I', ['fast', 'archive'])).toMatch(/^openstack image import I [^]*--store fast archive$/)
  expect(removeFromStoreAsCommand('I', 'archive')).toMatch(/^openstack image delete I [^]*--store archive$/)
})

test('a file’s name tells its format and a name', () => {
  expect(['a.qcow2', 'https://x/y/b.IMG?z=1', 'c.vpc', 'd'].map(formatOf)).toEqual(['qcow2', 'raw', 'vhd', 'raw'])
  const packed = ['a.qcow2.xz', 'https://x/y/b.raw.GZ?z=1', 'c.img.zst', 'd.bz2']
  expect(packed.map(formatOf)).toEqual(['qcow2', 'raw', 'raw', 'raw'])
  expect(packed.map(nameOf)).toEqual(['a', 'b', 'c', 'd'])
  expect([...packed, 'a.qcow2', 'xz'].map(containerOf)).toEqual(['compressed', 'compressed', 'compressed', 'compressed', 'bare', 'bare'])
  expect(['a.qcow2', 'https://x/y/debian-13.1.img?z=1'].map(nameOf)).toEqual(['a', 'debian-13.1'])
})

test('every finding that the service knows has words here, and the same in English', () => {
  const rules = readFileSync(new URL('../../../crates/guest/src/findings/rules.rs', import.meta.url), 'utf8')
  const plain = (text: string) => text.toLowerCase().replaceAll('’', "'").replace(/\.$/, '')
  const known = [...rules.matchAll(/= \w+, "(\w+)",\s+"([^"]+)",\s+"([^"]+)";/g)].map(([, id = '', why = '', remedy = '']) => [id, plain(why), plain(remedy)])
  const here = Object.entries(findings).map(([id, { why, remedy }]) => [id, plain(why), plain(remedy)])
  expect(known.length).toBeGreaterThan(10)
  expect(here).toEqual(known)
})

test('a statement is checked with the deployment’s key, and against a file if there is one', () => {
  expect(statementCommand('https://x', 'a.json', '')).toBe('curl https://x/effigy/v1/verification-key |\n    jq -r .public_key >key.pem\neffigy verify a.json \\\n    --key key.pem')
  expect(statementCommand('https://x', 'a.json', 'IMAGE.raw')).toContain('--image IMAGE.raw')
})
