// The words of an image's record beside what was found inside it.
import type { Image } from '../api/images'
import type { Report } from '../api/verification'

export interface Difference {
  what: 'family' | 'distribution' | 'version' | 'architecture' | 'boot'
  declared: string
  found: string
}

const text = (value: unknown) => (typeof value === 'string' ? value.trim() : '')

/** One version says less than the other, as 9 and 9.6 do, and does not contradict it. */
const agree = (one: string, other: string) => one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`)

/** The properties that contradict the disk. One that says nothing contradicts nothing, nor does a fact that is not known. */
export function differences(image: Image, { facts }: Report): Difference[] {
  const known = <T>(fact: { known: T } | { unknown: string }) => ('known' in fact ? fact.known : undefined)
  const boot = known(facts.boot)
  const ways = boot ? [boot.bios && 'bios', boot.uefi && 'uefi'].filter((way) => way !== false) : []
  const distribution = known(facts.distribution)
  const pairs: [Difference['what'], string, string | undefined, boolean][] = [
    ['family', text(image.os_type), known(facts.family), text(image.os_type) === known(facts.family)],
    ['distribution', text(image.os_distro), distribution, text(image.os_distro).toLowerCase() === distribution?.toLowerCase()],
    ['version', text(image.os_version), known(facts.version), agree(text(image.os_version), known(facts.version) ?? '')],
    ['architecture', text(image.architecture), known(facts.architecture), text(image.architecture) === known(facts.architecture)],
    ['boot', text(image.hw_firmware_type), ways.join(', '), ways.some((way) => way === text(image.hw_firmware_type))],
  ]
  return pairs.flatMap(([what, declared, found, isSame]) => (declared && found && !isSame ? [{ what, declared, found }] : []))
}

/** The names of the facts that nobody knows, by the reason for that. */
export function unknownFacts(facts: Report['facts']): [string, (keyof Report['facts'])[]][] {
  const by = new Map<string, (keyof Report['facts'])[]>()
  for (const [name, fact] of Object.entries(facts) as [keyof Report['facts'], { known: unknown } | { unknown: string }][]) {
    if ('unknown' in fact) by.set(fact.unknown, [...(by.get(fact.unknown) ?? []), name])
  }
  return [...by]
}
