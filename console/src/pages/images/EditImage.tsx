import { DeleteOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, type FormInstance, Input, InputNumber, Select, Skeleton, Switch } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeImage, type Image, imageNow } from '../../api/images'
import { type Definition, definitionsQuery, type Namespace } from '../../api/metadefs'
import { FormDialog } from '../../components/FormDialog'
import { useSession } from '../../components/useSession'
import { conflicts, type Edited, editedOf, FACTS, isTaken, misfit, onto, patchOf } from '../../lib/properties'
import { PropertyField } from './PropertyField'

/** Distributions that images often have, as their property os_distro names them. */
const SYSTEMS = ['debian', 'ubuntu', 'fedora', 'centos', 'rhel', 'rocky', 'almalinux', 'alpine', 'arch', 'opensuse', 'freebsd', 'windows']
const DESCRIPTION = 'description'
/** Properties that have a field of their own. */
const OWN: string[] = [...FACTS, DESCRIPTION]

interface Property {
  name: string
  value: string
}

interface Typed extends Omit<Edited, 'properties'> {
  facts: Record<string, string>
  properties: Property[]
}

function typedOf({ properties, ...record }: Edited): Typed {
  const others = Object.entries(properties).filter(([name]) => !OWN.includes(name))
  return { ...record, facts: Object.fromEntries(OWN.map((name) => [name, properties[name] ?? ''])), properties: others.map(([name, value]) => ({ name, value })) }
}

function editedFrom({ facts, properties, ...record }: Typed): Edited {
  const said = Object.entries(facts).filter(([, value]) => value.trim() !== '').map(([name, value]) => [name, value.trim()])
  return { ...record, name: record.name.trim(), tags: [...record.tags].sort(), properties: Object.fromEntries([...properties.map(({ name, value }) => [name.trim(), value]), ...said]) as Record<string, string> }
}

/** All that a person changes of a record: saved as one change, and never over somebody else's unasked. */
export function EditImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const [form] = Form.useForm<Typed>()
  const definitions = useQuery(definitionsQuery)
  // The record as it was when this began; what is shown of it elsewhere goes on.
  const [before, setBefore] = useState(() => editedOf(image))
  const [clash, setClash] = useState<{ names: string[]; fresh: Edited }>()
  const save = useMutation({
    mutationFn: async (typed: Typed) => {
      const after = editedFrom(typed)
      const fresh = editedOf(await imageNow(image.id))
      // A change of somebody else that the person was shown has been decided on.
      const names = conflicts(clash?.fresh ?? before, after, fresh)
      if (names.length > 0) {
        setClash({ names, fresh })
        return false
      }
      const patch = patchOf(fresh, onto(before, after, fresh))
      if (patch.length > 0) await changeImage(image.id, patch)
      return true
    },
    onSuccess: async (isSaved) => {
      if (!isSaved) return
      await queries.invalidateQueries({ queryKey: ['images'] })
      onClose()
    },
  })
  const takeTheirs = () => {
    if (!clash) return
    setBefore(clash.fresh)
    form.setFieldsValue(typedOf(clash.fresh))
    setClash(undefined)
  }
  return (
    <FormDialog title={t('editImage.title')} submit={t(clash ? 'editImage.overwrite' : 'editImage.submit')} form={form} isBusy={save.isPending} error={save.error} initialValues={typedOf(before)} onSubmit={() => save.mutate(form.getFieldsValue(true) as Typed)} onClose={onClose} width={680}>
      {clash && (
        <Alert
          type="warning" showIcon role="alert" className="notice" title={t('editImage.conflict', { names: clash.names.join(', ') })}
          description={t('editImage.conflictWhat')} action={<Button size="small" onClick={takeTheirs}>{t('editImage.theirs')}</Button>}
        />
      )}
      <Record image={image} />
      {definitions.isPending ? <Skeleton active title={false} paragraph={{ rows: 4 }} /> : <Described form={form} namespaces={definitions.data ?? []} />}
    </FormDialog>
  )
}

/** The fields that every record has. */
function Record({ image }: { image: Image }) {
  const { t } = useTranslation()
  const { sharing, is_admin: isAdmin } = useSession()
  // Public is made by an action of its own, which asks and takes a reason.
  const choices = [image.visibility, 'private', ...(sharing === 'off' ? [] : ['shared']), 'community'] as Image['visibility'][]
  const isFixed = image.visibility === 'public' && !isAdmin
  return (
    <>
      <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]}>
        <Input autoFocus autoComplete="off" />
      </Form.Item>
      <Form.Item name={['facts', DESCRIPTION]} label={t('projects.description')} rules={[{ max: 255 }]}>
        <Input autoComplete="off" />
      </Form.Item>
      <div className="edit-grid">
        <Form.Item name="visibility" label={t('column.visibility')} extra={image.visibility === 'public' ? undefined : t('editImage.public')}>
          <Select disabled={isFixed} options={[...new Set(choices)].map((value) => ({ value, label: t(`visibility.${value}`) }))} />
        </Form.Item>
        <Form.Item name="tags" label={t('list.tag')} rules={[{ validator: (_, tags: string[]) => (tags.every((tag) => tag.length <= 255) ? Promise.resolve() : Promise.reject(new Error(t('editImage.tooLong')))) }]}>
          <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[',']} />
        </Form.Item>
        <Form.Item name="min_disk" label={t('image.minDisk')} rules={[{ required: true, message: t('form.required') }]}><InputNumber min={0} precision={0} suffix="GiB" style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="min_ram" label={t('image.minRam')} rules={[{ required: true, message: t('form.required') }]}><InputNumber min={0} precision={0} suffix="MiB" style={{ width: '100%' }} /></Form.Item>
        <Form.Item name="protected" label={t('image.protected')} valuePropName="checked" extra={t('editImage.protectedWhat')}><Switch /></Form.Item>
        <Form.Item name="os_hidden" label={t('editImage.hidden')} valuePropName="checked" extra={t('editImage.hiddenWhat')}><Switch /></Form.Item>
      </div>
    </>
  )
}

/** The properties, with what their definitions say of them; without definitions they are names and values. */
function Described({ form, namespaces }: { form: FormInstance<Typed>; namespaces: Namespace[] }) {
  const { t } = useTranslation()
  const known = useMemo(() => new Map(namespaces.flatMap(({ properties }) => Object.entries(properties))), [namespaces])
  const list = Form.useWatch('properties', form) as Property[] | undefined
  const had = (list ?? []).map((one) => one?.name)
  const offered = namespaces.map(({ namespace, display_name, properties }) => ({
    label: display_name ?? namespace,
    options: Object.entries(properties).filter(([name]) => !OWN.includes(name) && !had.includes(name)).map(([name, { title }]) => ({ value: name, label: `${title} (${name})` })),
  }))
  const fits = (definition: Definition | undefined, mayBeEmpty: boolean) => ({
    validator: (_: unknown, value: string) => {
      const wrong = definition && !(mayBeEmpty && value === '') ? misfit(value, definition) : undefined
      return wrong ? Promise.reject(new Error(t(`editImage.misfit.${wrong}`, { min: definition?.minimum ?? '…', max: definition?.maximum ?? '…' }))) : Promise.resolve()
    },
  })
  return (
    <>
      <h3 className="edit-head">{t('fact.name')}</h3>
      <div className="edit-grid">
        {FACTS.map((name) => {
          const definition = known.get(name)
          const title = t(`editImage.fact.${name}`)
          return (
            <Form.Item key={name} name={['facts', name]} label={title} rules={[fits(definition, true), { max: 255 }]} tooltip={definition?.description}>
              <PropertyField label={title} definition={definition} mayBeEmpty offers={name === 'os_distro' ? SYSTEMS : undefined} />
            </Form.Item>
          )
        })}
      </div>
      <h3 className="edit-head">{t('editImage.properties')}</h3>
      <Form.List name="properties">
        {(fields, { add, remove }) => (
          <>
            {fields.map((field) => {
              const name = (form.getFieldValue(['properties', field.name, 'name']) as string | undefined) ?? ''
              return <Row key={field.key} at={field.name} name={name} definition={known.get(name)} fits={fits(known.get(name), false)} names={had} onRemove={() => remove(field.name)} />
            })}
            <div className="edit-add">
              <Select<string | null>
                aria-label={t('editImage.add')}
                placeholder={t('editImage.add')}
                value={null}
                showSearch={{ optionFilterProp: 'label' }}
                options={offered.filter(({ options }) => options.length > 0)}
                onChange={(name) => name && add({ name, value: firstValue(known.get(name)) })}
                style={{ flex: '1 1 260px' }}
              />
              <Button onClick={() => add({ name: '', value: '' })}>{t('editImage.addOwn')}</Button>
            </div>
          </>
        )}
      </Form.List>
    </>
  )
}

/** A value to begin with, which its definition allows. */
function firstValue(definition: Definition | undefined): string {
  const { default: usual } = definition ?? {}
  if (typeof usual === 'string' || typeof usual === 'number' || typeof usual === 'boolean') return String(usual)
  if (definition?.enum?.[0] !== undefined) return String(definition.enum[0])
  if (definition?.type === 'boolean') return 'true'
  return definition?.minimum === undefined ? '' : String(definition.minimum)
}

interface RowProps {
  at: number
  name: string
  definition?: Definition
  fits: { validator: (_: unknown, value: string) => Promise<void> }
  names: (string | undefined)[]
  onRemove: () => void
}

/** A property: with a definition its title and help, without one its name and value. */
function Row({ at, name, definition, fits, names, onRemove }: RowProps) {
  const { t } = useTranslation()
  const isFree = (_: unknown, typed: string) => {
    const word = (typed ?? '').trim()
    if (word === '') return Promise.reject(new Error(t('form.required')))
    if (isTaken(word) || OWN.includes(word)) return Promise.reject(new Error(t('editImage.taken')))
    return names.filter((one) => one?.trim() === word).length > 1 ? Promise.reject(new Error(t('editImage.twice'))) : Promise.resolve()
  }
  const label = definition?.title ?? (name || t('editImage.value'))
  return (
    <div className="edit-row">
      {definition ? (
        <div className="edit-about"><div>{definition.title}</div><div className="mono quiet break">{name}</div></div>
      ) : (
        <Form.Item name={[at, 'name']} rules={[{ validator: isFree }, { max: 255 }]} className="edit-about"><Input aria-label={t('editImage.propertyName')} placeholder={t('editImage.propertyName')} className="mono" autoComplete="off" /></Form.Item>
      )}
      <Form.Item name={[at, 'value']} rules={definition ? [fits, { max: 255 }] : [{ max: 255 }]} extra={definition?.description} className="edit-value">
        <PropertyField label={label} definition={definition} />
      </Form.Item>
      <Button type="text" icon={<DeleteOutlined aria-hidden />} aria-label={t('editImage.remove', { name: label })} onClick={onRemove} />
    </div>
  )
}
