// The files that openstack, Terraform and others read to sign in. Text that a person typed is quoted.
import { shellWord } from './commands'

/** The proof of who signs in: a person, or an application credential. */
export type Proof = { user: string; domain: string; project: { id: string; name: string } } | { id: string; secret: string }

export interface Cloud {
  /** The address of the Identity API. */
  url: string
  region: string
  proof: Proof
}

/** A string of YAML: JSON's are YAML's too. */
const yaml = (text: string) => JSON.stringify(text)

function authOf({ url, proof }: Cloud): [string, string][] {
  if ('secret' in proof) return [['auth_url', url], ['application_credential_id', proof.id], ['application_credential_secret', proof.secret]]
  const { user, domain, project } = proof
  return [['auth_url', url], ['username', user], ['user_domain_name', domain], ['project_id', project.id], ['project_name', project.name]]
}

export function cloudsYaml(cloud: Cloud): string {
  const isCredential = 'secret' in cloud.proof
  return [
    'clouds:',
    '  effigy:',
    ...(isCredential ? ['    auth_type: v3applicationcredential'] : []),
    '    auth:',
    ...authOf(cloud).map(([key, value]) => `      ${key}: ${yaml(value)}`),
    `    region_name: ${yaml(cloud.region)}`,
    "    identity_api_version: '3'",
    '',
  ].join('\n')
}

export function openrc(cloud: Cloud): string {
  const isCredential = 'secret' in cloud.proof
  const lines = [...authOf(cloud), ['region_name', cloud.region], ['identity_api_version', '3'], ...(isCredential ? [['auth_type', 'v3applicationcredential']] : [])]
  return [
    // A shell that knew another cloud keeps nothing of it.
    'for name in $(env | sed -n \'s/^\\(OS_[A-Z_]*\\)=.*/\\1/p\'); do unset "$name"; done',
    ...lines.map(([key = '', value = '']) => `export OS_${key.toUpperCase()}=${shellWord(value)}`),
    ...(isCredential ? [] : ["printf '%s' 'Password: ' >&2", 'stty -echo; IFS= read -r OS_PASSWORD; stty echo; echo >&2', 'export OS_PASSWORD']),
    '',
  ].join('\n')
}
