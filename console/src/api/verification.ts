import { queryOptions } from '@tanstack/react-query'
import { effigy } from './http'
import type { Image } from './images'

/** Something that was looked for: what it is, or why that is not known. */
export type Fact<T> = { known: T } | { unknown: string }

export type Severity = 'high' | 'medium' | 'low' | 'info'

export interface Finding {
  /** Its stable name. */
  id: string
  severity: Severity
  partition: number | null
  place: string
  why: string
  remedy: string
}

export interface Volume {
  partition: number | null
  offset_bytes: number
  size_bytes: number
  /** The file system or other content, in one word. */
  content: string
  free_bytes: number | null
  problem: string | null
}

export interface Facts {
  family: Fact<string>
  distribution: Fact<string>
  version: Fact<string>
  name: Fact<string>
  architecture: Fact<string>
  boot: Fact<{ bios: boolean; uefi: boolean }>
  cloud_init: Fact<boolean>
  guest_agent: Fact<boolean>
  virtio: Fact<boolean>
  root_free_bytes: Fact<number>
}

export interface Report {
  rules: number
  disk_bytes: number
  table: 'none' | 'mbr' | 'gpt'
  volumes: Volume[]
  facts: Facts
  windows: { state: 'generalized' | 'not_generalized' | 'unknown'; found: string } | null
  findings: Finding[]
  has_more_findings: boolean
  incomplete: string | null
}

export type Verdict = 'passed' | 'failed'

export interface Verification {
  state: 'none' | 'waiting' | 'running' | 'done'
  progress: number | null
  /** These are null when nothing is stated, or what is stated is not believed. */
  verdict: Verdict | null
  reasons: string[] | null
  verified_at: string | null
  verifier: string | null
  report: Report | null
  /** The signed envelope. */
  statement: unknown
}

export const isUnderWay = ({ state }: Verification) => state === 'waiting' || state === 'running'

/** Whether an image has a disk that is or will be looked into. */
export const hasBytes = ({ status, effigy }: Image) => effigy.has_disk && (status === 'active' || status === 'deactivated')

/** The verification of an image, with its report. An image that waits for its first one is asked about again, too. */
export const verificationQuery = (id: string) =>
  queryOptions({
    queryKey: ['images', 'verification', id],
    queryFn: ({ signal }) => effigy<Verification>(`/images/${id}/verification`, { signal }),
    refetchInterval: ({ state: { data } }) => (data && (isUnderWay(data) || data.verdict === null) ? (isUnderWay(data) ? 1000 : 5000) : false),
  })

export const verifyAgain = (id: string) => effigy<void>(`/images/${id}/verification`, { method: 'POST', body: {} })

/** The findings that a cleaned copy has no more (docs/inspection.md). */
const CURED = ['ssh_host_key', 'dhcp_lease', 'machine_id', 'shell_history', 'cloud_init_state']

/** Whether a cleaned copy would have less in it. */
export const isCurable = ({ facts: { family }, findings }: Report) =>
  'known' in family && family.known === 'linux' && findings.some(({ id }) => CURED.includes(id))

/** A new image from this one, with those findings cured. */
export const cleanCopy = (id: string) => effigy<{ image: { id: string } }>(`/images/${id}/generalize`, { method: 'POST', body: {} })

export const SEVERITIES: Severity[] = ['high', 'medium', 'low', 'info']

/** The worst first; within a severity in the order of the report. */
export const bySeverity = (findings: Finding[]) =>
  SEVERITIES.map((severity) => ({ severity, findings: findings.filter((one) => one.severity === severity) })).filter((group) => group.findings.length > 0)

/** The worst first, and those of one kind together. */
export function grouped(findings: Finding[]): [Finding, ...Finding[]][] {
  const groups = new Map<string, [Finding, ...Finding[]]>()
  for (const finding of bySeverity(findings).flatMap((group) => group.findings)) {
    const key = `${finding.severity}/${finding.id}`
    const group = groups.get(key)
    if (group) group.push(finding)
    else groups.set(key, [finding])
  }
  return [...groups.values()]
}

export const highFindings = (verification: Verification | undefined) =>
  verification?.report?.findings.filter(({ severity }) => severity === 'high') ?? []

/** The reasons that are not one of the findings, which are shown with all that is known of them. */
export const otherReasons = ({ reasons, report }: Verification) =>
  (reasons ?? []).filter((reason) => !report?.findings.some(({ id }) => reason.startsWith(`${id} (`)))
