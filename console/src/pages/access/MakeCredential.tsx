import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { createCredential } from '../../api/access'
import { FormDialog } from '../../components/FormDialog'
import { useSession } from '../../components/useSession'
import { cloudsYaml } from '../../lib/clouds'
import { rulesOf } from '../../lib/rules'
import { saveText } from '../../lib/save'
import { visible } from '../../lib/text'
import { CopyBlock } from '../../ui/CopyBlock'
import { Dialog } from '../../ui/Dialog'

/** The address and region that a file names. */
export interface Place {
  url: string
  region: string
}

interface Typed {
  name: string
  description?: string
  roles?: string[]
  expires?: string
  rules?: string
}

/** Makes an application credential; its secret is shown here, once, and kept nowhere. */
export function MakeCredential({ place, onClose }: { place: Place; onClose: () => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const queries = useQueryClient()
  const make = useMutation({
    mutationFn: ({ name, description, roles, expires, rules: typed = '' }: Typed) => {
      const { rules } = rulesOf(typed)
      return createCredential(session.user.id, {
        name: name.trim(),
        description: description?.trim() || undefined,
        roles: roles?.length ? roles.map((role) => ({ name: role })) : undefined,
        // The field speaks of the person's own time.
        expires_at: expires ? new Date(expires).toISOString() : undefined,
        access_rules: rules.length ? rules : undefined,
      })
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['credentials'] }),
    // The secret goes with the dialog.
    gcTime: 0,
  })
  const areRules = async (_: unknown, typed: string | undefined) => {
    const { wrong } = rulesOf(typed ?? '')
    if (wrong) throw new Error(t('access.notRule', { line: visible(wrong) }))
  }
  const made = make.data
  if (made) {
    const file = cloudsYaml({ ...place, proof: made })
    return (
      <Dialog
        title={t('access.made', { name: visible(made.name) })}
        width={620}
        closable={false}
        mask={{ closable: false }}
        keyboard={false}
        footer={[
          <Button key="save" type="primary" autoFocus onClick={() => saveText('clouds.yaml', file)}>{t('access.download', { name: 'clouds.yaml' })}</Button>,
          <Button key="close" onClick={onClose}>{t('access.haveIt')}</Button>,
        ]}
      >
        <Alert type="warning" showIcon title={t('access.once')} style={{ marginBottom: 14 }} />
        <p className="quiet">{t('access.id')}</p>
        <CopyBlock label={t('access.id')} text={made.id} />
        <p className="quiet">{t('access.secret')}</p>
        <CopyBlock label={t('access.secret')} text={made.secret} />
        <p className="quiet">clouds.yaml</p>
        <CopyBlock label="clouds.yaml" text={file} />
      </Dialog>
    )
  }
  return (
    <FormDialog<Typed> title={t('access.make')} submit={t('access.make')} name="credential" isBusy={make.isPending} error={make.error} onSubmit={(typed) => make.mutate(typed)} onClose={onClose}>
      <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
        <Input autoFocus autoComplete="off" />
      </Form.Item>
      <Form.Item name="description" label={t('access.description')} rules={[{ max: 255 }]}>
        <Input autoComplete="off" />
      </Form.Item>
      <Form.Item name="roles" label={t('access.roles')} extra={t('access.rolesHint')}>
        <Select mode="multiple" options={session.roles.map((name) => ({ value: name, label: name }))} />
      </Form.Item>
      <Form.Item name="expires" label={t('access.expires')} extra={t('access.expiresHint')}>
        <Input type="datetime-local" style={{ width: 230 }} />
      </Form.Item>
      <Form.Item name="rules" label={t('access.rules')} extra={t('access.rulesHint')} rules={[{ validator: areRules }]}>
        <Input.TextArea rows={3} className="mono" placeholder={'image GET /v2/images\nimage GET /v2/images/**'} spellCheck={false} />
      </Form.Item>
    </FormDialog>
  )
}
