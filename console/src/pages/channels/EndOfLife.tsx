import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Channel, type Dates, type Release, setChannelDates, setRelease } from '../../api/channels'
import { FormDialog } from '../../components/FormDialog'
import { Rests } from '../../components/Rests'

interface Typed {
  notes: string
  deprecated: string
  retired: string
}

const day = (time: string | null) => time?.slice(0, 10) ?? ''
/** A day that nobody changed keeps its time. */
const at = (typed: string, was: string | null) => (typed === day(was) ? was : typed ? `${typed}T00:00:00Z` : null)

/** The notes and the dates of a release, or the dates of the whole channel. */
export function EndOfLife({ channel, release, onClose }: { channel: Channel; release?: Release; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const of = release ?? channel
  // The current release ends with its channel.
  const hasDates = !release?.is_current
  const [retires, setRetires] = useState(day(of.retired_at))
  const save = useMutation<unknown, Error, Typed>({
    mutationFn: ({ notes, deprecated, retired }) => {
      const datesOf = (from: string | null, to: string | null): Dates => ({ ...(from && { deprecated_at: from }), ...(to && { retired_at: to }) })
      const typed = datesOf(at(deprecated, of.deprecated_at), at(retired, of.retired_at))
      const kept = datesOf(of.deprecated_at, of.retired_at)
      const dates = hasDates ? typed : kept
      return release ? setRelease(channel.id, release.number, { notes, ...dates }) : setChannelDates(channel.id, dates)
    },
    onSuccess: onClose,
    onSettled: () => Promise.all(['channels', 'images'].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  })
  return (
    <FormDialog<Typed>
      title={release ? t('channel.releaseOf', { number: release.number }) : t('channel.end')}
      submit={t('channel.save')}
      isBusy={save.isPending}
      error={save.error}
      initialValues={{ notes: release?.notes ?? '', deprecated: day(of.deprecated_at), retired: day(of.retired_at) }}
      onChange={({ retired }) => retired !== undefined && setRetires(retired)}
      onSubmit={(typed) => save.mutate(typed)}
      onClose={onClose}
    >
      {release && <Form.Item name="notes" label={t('channel.notes')}><Input.TextArea rows={4} /></Form.Item>}
      {hasDates && (
        <>
          <Form.Item name="deprecated" label={t('channel.deprecatedFrom')} extra={t('channel.deprecatedHint')}><Input type="date" /></Form.Item>
          <Form.Item name="retired" label={t('channel.retiredFrom')} extra={t('channel.retiredHint')}><Input type="date" /></Form.Item>
          {retires !== '' && <Rests act="deactivate" images={[{ id: release?.image ?? channel.current.image, stored: null }]} onLeave={onClose} />}
        </>
      )}
    </FormDialog>
  )
}
