import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { type Cloud, cloudsYaml, openrc } from './clouds'

const person: Cloud = { url: 'http://x/identity/v3', region: 'RegionOne', proof: { user: "al'ice $(id)", domain: 'Default', project: { id: 'p1', name: 'web: "x"' } } }
const program: Cloud = { url: 'http://x/identity/v3', region: 'RegionOne', proof: { id: 'c1', secret: '`s\'$x' } }

/** The variables that a shell has after the file. */
const sourced = (text: string) => execFileSync('sh', ['-c', `${text}\nenv`], { env: { PATH: process.env.PATH, OS_TOKEN: 'old' } }).toString()

test('a file holds no password, and nothing in a name is special', () => {
  expect(cloudsYaml(person)).toContain('      username: "al\'ice $(id)"\n')
  expect(cloudsYaml(person)).toContain('      project_name: "web: \\"x\\""\n')
  expect(cloudsYaml(person)).not.toContain('password')
  expect(cloudsYaml(program)).toContain('    auth_type: v3applicationcredential\n')
})

test('a shell that reads the file has these variables, and none of another cloud', () => {
  const variables = sourced(openrc(program))
  expect(variables).toContain("OS_APPLICATION_CREDENTIAL_SECRET=`s'$x\n")
  expect(variables).toContain('OS_AUTH_TYPE=v3applicationcredential\n')
  expect(variables).not.toContain('OS_TOKEN')
})
