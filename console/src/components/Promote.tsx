import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { ApiError } from '../api/errors'
import { type Channel, channelsQuery, createChannel, promote } from '../api/channels'
import type { Image } from '../api/images'
import { FormDialog } from './FormDialog'
import { ImageChoice } from './ImageChoice'
import { useSession } from './useSession'
import { visible } from '../lib/text'
import { paths } from '../paths'

interface Typed {
  channel?: string
  name?: string
  notes?: string
  reason?: string
}

/** The choice of a channel that is not there yet. */
const NEW = ''

/** Whether the service wants a reason: the image's verification speaks against it, or is not made yet. */
const wantsReason = (error: unknown) => error instanceof ApiError && error.status === 409 && error.message.includes('give a reason')

/** Makes an image the current release: of this channel, of one that is chosen, or of a new one. */
export function Promote({ image, channel, onClose }: { image?: Image; channel?: Channel; onClose: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const { project } = useSession()
  const [chosen, setChosen] = useState(image?.id ?? '')
  const [into, setInto] = useState(channel?.id ?? NEW)
  const isChoosing = image !== undefined && channel === undefined
  const channels = useQuery({ ...channelsQuery, enabled: isChoosing }).data ?? []
  const owner = image?.owner ?? project?.id
  const own = channels.filter(({ project_id, current }) => project_id === owner && current.image !== image?.id)
  const release = useMutation({
    mutationFn: ({ name = '', notes = '', reason }: Typed) => {
      const said = { image: chosen, notes, ...(reason?.trim() && { reason: reason.trim() }) }
      const current = (channel ?? own.find(({ id }) => id === into))?.current.number
      return into === NEW ? createChannel({ name: name.trim(), ...said }) : promote(into, { ...said, from: current })
    },
    onSuccess: ({ id }) => {
      onClose()
      void navigate(paths.channel(id))
    },
    onSettled: () => Promise.all(['channels', 'images'].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  })
  return (
    <FormDialog<Typed>
      title={t(channel || image ? 'channel.promoteTitle' : 'channel.create')}
      submit={t(into === NEW ? 'channel.createSubmit' : 'channel.promote')}
      isBusy={release.isPending}
      isDisabled={chosen === ''}
      error={release.error}
      initialValues={{ channel: into, notes: '' }}
      onChange={(typed) => typed.channel !== undefined && setInto(typed.channel)}
      onSubmit={(typed) => release.mutate(typed)}
      onClose={onClose}
      width={600}
    >
      <p className="quiet" style={{ marginTop: 0 }}>{t(into === NEW ? 'channel.createWhat' : 'channel.promoteWhat')}</p>
      {isChoosing && (
        <Form.Item name="channel" label={t('channel.one')}>
          <Select options={[...own.map(({ id, name }) => ({ value: id, label: visible(name) })), { value: NEW, label: t('channel.new') }]} />
        </Form.Item>
      )}
      {into === NEW && (
        <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
          <Input autoComplete="off" spellCheck={false} />
        </Form.Item>
      )}
      {!image && <ImageChoice value={chosen} onChange={setChosen} />}
      <Form.Item name="notes" label={t('channel.notes')} style={{ marginTop: 14 }}>
        <Input.TextArea rows={3} />
      </Form.Item>
      {wantsReason(release.error) && (
        <Form.Item name="reason" label={t('publish.reason')} extra={t('channel.reasonHint')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 1024 }]}>
          <Input.TextArea rows={2} />
        </Form.Item>
      )}
    </FormDialog>
  )
}
