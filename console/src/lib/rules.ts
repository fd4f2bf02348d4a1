// Access rules as lines of a text: the service, the method, the path.
import type { AccessRule } from '../api/access'

const METHODS = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT']

/** The rules of a text, one in each line that is not blank; the first line that is none, when there is one. */
export function rulesOf(text: string): { rules: AccessRule[]; wrong?: string } {
  const rules: AccessRule[] = []
  for (const line of text.split('\n').map((one) => one.trim()).filter(Boolean)) {
    const [service = '', method = '', path = '', ...more] = line.split(/\s+/)
    const word = method.toUpperCase()
    if (more.length > 0 || !METHODS.includes(word) || !path.startsWith('/')) return { rules, wrong: line }
    rules.push({ service, method: word, path })
  }
  return { rules }
}
