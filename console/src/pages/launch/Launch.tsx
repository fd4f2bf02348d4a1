import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, App, Button, Form, Input, InputNumber, Radio, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useSearchParams } from 'react-router'
import { type Flavor, flavorsQuery } from '../../api/flavors'
import { type Image, imageQuery } from '../../api/images'
import { type Instance, instanceQuery, type Launch, launch } from '../../api/instances'
import { type KeyPair, keyPairsQuery } from '../../api/keyPairs'
import { Commands } from '../../components/Commands'
import { FlavorPicker } from '../../components/FlavorPicker'
import { ImageChoice } from '../../components/ImageChoice'
import { Missing } from '../../components/Missing'
import { PageHead } from '../../components/PageHead'
import { FormError } from '../../components/FormError'
import { UsageBars } from '../../components/UsageBars'
import { Why } from '../../components/Why'
import { base64, launchAsCommand, launchAsTerraform } from '../../lib/commands'
import { lackOf } from '../../lib/lack'
import { visible } from '../../lib/text'
import { paths } from '../../paths'

/** As many as one call launches. */
const MAX_COUNT = 100
/** Nova's limit of user data, encoded. */
const MAX_USER_DATA = 49_149

/** So much memory boots most systems, where nobody knows how much an image needs. */
const LIKELY_RAM = 512
const LAST_FLAVOR = 'effigy.flavor'

const text = (value: unknown) => (typeof value === 'string' ? value : '')

/**
 * The flavor that is offered first: the one of the instance that the image was made from, or one with as much memory;
 * else the one launched with last; else the smallest that most systems boot with.
 */
function likely(usable: Flavor[], image: Image | undefined): Flavor | undefined {
  const ram = Number(text(image?.effigy_flavor_ram)) || 0
  const had = usable.find((flavor) => flavor.name === image?.effigy_flavor && flavor.ram >= ram)
  const last = ram > 0 ? undefined : usable.find(({ id }) => id === localStorage.getItem(LAST_FLAVOR))
  return had ?? last ?? usable.find((flavor) => flavor.ram >= (ram || LIKELY_RAM)) ?? usable.at(-1)
}

interface Typed {
  name: string
  count: number
  key_name?: string
  networks: 'auto' | 'none'
  user_data?: string
}

/** The image or the instance to begin with are in the address. */
export function LaunchPage() {
  const { t } = useTranslation()
  const [words] = useSearchParams()
  const like = words.get('like') ?? ''
  const original = useQuery({ ...instanceQuery(like), enabled: like !== '', refetchInterval: false })
  const keyPairs = useQuery(keyPairsQuery)
  if (like === '') return <LaunchForm from={words.get('image') ?? ''} keyPairs={keyPairs.data ?? []} />
  if (original.error && !original.data) return <Missing title={t('launch.title')} error={original.error} retry={() => void original.refetch()} />
  if (!original.data || keyPairs.isPending) return <Skeleton active />
  return <LaunchForm from={original.data.image === '' ? '' : original.data.image.id} like={original.data} keyPairs={keyPairs.data ?? []} />
}

/** The fields as they were for another instance; its key pair only where it is this person's, too. */
const typedLike = ({ key_name: key, addresses }: Instance, keyPairs: KeyPair[]): Partial<Typed> => ({
  key_name: keyPairs.find(({ name }) => name === key)?.name,
  networks: Object.keys(addresses).length > 0 ? 'auto' : 'none',
})

function LaunchForm({ from, like, keyPairs }: { from: string; like?: Instance; keyPairs: KeyPair[] }) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [image, setImage] = useState(from)
  const [chosenFlavor, setFlavor] = useState('')
  const [form] = Form.useForm<Typed>()
  const typed = Form.useWatch([], form) as Typed | undefined
  const { data: flavors = [], isPending } = useQuery(flavorsQuery)
  const record = useQuery({ ...imageQuery(image), enabled: image !== '' }).data
  const lacks = (flavor: Flavor) => (record ? lackOf(flavor, record) : '')
  const usable = flavors.filter((one) => lacks(one) === '')
  const flavor = usable.find(({ id, name }) => (chosenFlavor ? id === chosenFlavor : name === like?.flavor.original_name)) ?? likely(usable, record)
  const origin = text(record?.effigy_flavor)
  const whyNot = !record ? 'noImageChosen' : !flavor ? 'noFlavorChosen' : null

  const body: Launch = {
    name: typed?.name?.trim() || t('launch.noName'),
    imageRef: image || 'IMAGE',
    flavorRef: flavor?.id ?? 'FLAVOR',
    min_count: typed?.count ?? 1,
    max_count: typed?.count ?? 1,
    networks: typed?.networks ?? 'auto',
    key_name: typed?.key_name,
  }
  const begin = useMutation({
    mutationFn: () => launch({ ...body, user_data: typed?.user_data ? base64(typed.user_data) : undefined }),
    onSuccess: () => {
      localStorage.setItem(LAST_FLAVOR, body.flavorRef)
      notification.info({ title: t('launch.begun', { count: body.max_count, name: body.name }) })
      void queries.invalidateQueries({ queryKey: ['instances'] })
      void navigate(paths.instances)
    },
  })
  return (
    <>
      <PageHead title={t('launch.title')} />
      {like && <Alert className="notice" type="info" showIcon title={t('launch.like', { name: visible(like.name) })} description={t('launch.likeWhat')} />}
      <Form<Typed> form={form} layout="vertical" requiredMark={false} initialValues={{ count: 1, networks: 'auto', ...(like && typedLike(like, keyPairs)) }} onFinish={() => begin.mutate()}>
        <div className="launch">
          <div>
            <section className="card padded" aria-labelledby="launch-image">
              <h2 id="launch-image">{t('column.image')}</h2>
              <ImageChoice value={image} onChange={setImage} />
            </section>
            <section className="card padded" aria-labelledby="launch-flavor">
              <h2 id="launch-flavor">{t('column.flavor')}</h2>
              <FlavorPicker flavors={flavors} isPending={isPending} value={flavor?.id} onChange={setFlavor} whyNot={(one) => lacks(one) && t('launch.needs', { what: lacks(one) })} />
              {origin && <p className="quiet small">{t('launch.flavorOf', { flavor: origin })}</p>}
              {record && flavors.length > 0 && usable.length === 0 && <Alert type="warning" showIcon style={{ marginTop: 10 }} title={t('launch.noFlavor')} />}
            </section>
            <section className="card padded" aria-labelledby="launch-name">
              <h2 id="launch-name">{t('launch.nameAndCount')}</h2>
              <div className="fields">
                <Form.Item name="name" label={t('form.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }, { max: 255 }]} style={{ flex: 1 }}>
                  <Input autoComplete="off" />
                </Form.Item>
                <Form.Item name="count" label={t('launch.count')} extra={t('launch.countHint')}>
                  <InputNumber min={1} max={MAX_COUNT} precision={0} style={{ width: 130 }} />
                </Form.Item>
              </div>
            </section>
            <section className="card padded" aria-labelledby="launch-access">
              <h2 id="launch-access">{t('launch.access')}</h2>
              <Form.Item name="key_name" label={t('launch.keyPair')}>
                <Select allowClear placeholder={t('launch.noKeyPair')} options={keyPairs.map(({ name }) => ({ value: name, label: name }))} />
              </Form.Item>
              <Form.Item name="networks" label={t('launch.network')}>
                <Radio.Group options={[{ value: 'auto', label: t('launch.networkAuto') }, { value: 'none', label: t('launch.networkNone') }]} />
              </Form.Item>
              <Form.Item name="user_data" label={t('launch.userData')} rules={[{ validator: async (_, value?: string) => { if (value && base64(value).length > MAX_USER_DATA) throw new Error(t('launch.userDataLong')) } }]}>
                <Input.TextArea rows={4} className="mono" placeholder={'#cloud-config'} spellCheck={false} />
              </Form.Item>
            </section>
          </div>
          <aside className="card padded" aria-labelledby="launch-summary">
            <h2 id="launch-summary">{t('launch.summary')}</h2>
            <p style={{ marginTop: 0 }} className="number">
              {typed?.count ?? 1} × {record?.name ?? t('launch.noImage')} · {flavor?.name ?? '–'}
            </p>
            {/* As it will be, once this is launched. */}
            <UsageBars parts={['instances', 'vcpus', 'memory_mib']} more={{ instances: body.max_count, vcpus: body.max_count * (flavor?.vcpus ?? 0), memory_mib: body.max_count * (flavor?.ram ?? 0) }} />
            <div style={{ height: 14 }} />
            <FormError error={begin.error} />
            <Why reason={whyNot}>
              <Button type="primary" block htmlType="submit" disabled={whyNot !== null} loading={begin.isPending}>{t('instances.launch')}</Button>
            </Why>
            <div style={{ height: 14 }} />
            <Commands command={launchAsCommand(body, !!typed?.user_data)} terraform={launchAsTerraform(body, !!typed?.user_data)} />
          </aside>
        </div>
      </Form>
    </>
  )
}
