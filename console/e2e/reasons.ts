// The last lines of a run: each claim that failed with its reason, for those who see the end of a long log alone.
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter'
import { stripVTControlCharacters } from 'node:util'

export default class Reasons implements Reporter {
  private reasons: string[] = []

  onTestEnd(test: TestCase, { status, errors, attachments }: TestResult) {
    if (status === test.expectedStatus || status === 'skipped') return
    const reasons = errors.map(({ message, location }) => {
      const lines = stripVTControlCharacters(message ?? '').split('\n').filter((line) => line.trim() !== '')
      return [`at line ${location?.line}`, ...lines.slice(0, 12)].join('\n    ')
    })
    const met = attachments.filter(({ name }) => name === 'met').map(({ body }) => body?.toString() ?? '')
    this.reasons.push(`${test.title}\n    ${[...reasons, ...met].join('\n    ')}`)
  }

  onEnd() {
    for (const reason of this.reasons) console.log(reason)
  }
}
