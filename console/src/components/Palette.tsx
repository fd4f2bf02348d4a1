import { CloudServerOutlined, HddOutlined, SearchOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Input, type InputRef } from 'antd'
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { imagesQuery } from '../api/images'
import { instancesQuery } from '../api/instances'
import { visible } from '../lib/text'
import { paths } from '../paths'
import { Dialog } from '../ui/Dialog'
import { type Place, useNavigation } from './useNavigation'
import { useSession } from './useSession'

/** So many images are listed, and so many instances: more are what the lists are for. */
const SHOWN = 6
/** The pause after which the service is asked, in milliseconds. */
const PAUSE = 200

/** One field, and below it the pages, images and instances whose names match. */
export function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { runs_instances: runs } = useSession()
  const { project, administration, others } = useNavigation()
  const id = useId()
  const field = useRef<InputRef>(null)
  const [typed, setTyped] = useState('')
  const [asked, setAsked] = useState('')
  const [at, setAt] = useState(0)
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), PAUSE)
    return () => clearTimeout(timer)
  }, [typed])
  const images = useQuery({ ...imagesQuery({ search: asked, limit: SHOWN }), refetchInterval: false, enabled: asked !== '' })
  const instances = useQuery({ ...instancesQuery({ search: asked, limit: SHOWN }), refetchInterval: false, enabled: asked !== '' && runs })
  const isFresh = asked === typed.trim()
  const wanted = typed.trim().toLowerCase()
  const groups: [string, Place[]][] = [
    [t('palette.pages'), [...project, ...others, ...administration].filter(({ label }) => label.toLowerCase().includes(wanted))],
    [t('nav.images'), (asked && isFresh && images.data?.images ? images.data.images : []).map(({ id, name }) => ({ to: paths.image(id), icon: <HddOutlined />, label: visible(name ?? id) }))],
    [t('nav.instances'), (asked && isFresh && instances.data?.servers ? instances.data.servers : []).map(({ id, name }) => ({ to: paths.instance(id), icon: <CloudServerOutlined />, label: visible(name) }))],
  ]
  const all = groups.flatMap(([, places]) => places)
  const current = Math.min(at, all.length - 1)
  const go = (place: Place | undefined) => {
    if (!place) return
    onClose()
    void navigate(place.to)
  }
  const pressed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && all.length > 0) {
      event.preventDefault()
      setAt((current + step + all.length) % all.length)
    }
    if (event.key === 'Enter' && !event.nativeEvent.isComposing) go(all[current])
  }
  const isAsking = wanted !== '' && (!isFresh || images.isFetching || instances.isFetching)
  return (
    <Dialog className="palette" title={<span className="unseen">{t('palette.title')}</span>} footer={null} closable={false} width={560} onCancel={onClose} afterOpenChange={(isOpen) => isOpen && field.current?.focus()}>
      <Input
        ref={field}
        autoFocus
        size="large"
        variant="borderless"
        role="combobox"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={all.length > 0 ? `${id}-${current}` : undefined}
        aria-label={t('palette.search')}
        placeholder={t('palette.search')}
        prefix={<SearchOutlined className="quiet" aria-hidden />}
        value={typed}
        onChange={({ target }) => {
          setTyped(target.value)
          setAt(0)
        }}
        onKeyDown={pressed}
      />
      <div id={id} role="listbox" aria-label={t('palette.title')} aria-busy={isAsking}>
        {groups.map(([name, places], n) => places.length > 0 && (
          <div key={name} role="group" aria-label={name}>
            <div className="quiet small" aria-hidden>{name}</div>
            {places.map((place) => {
              const nth = groups.slice(0, n).reduce((sum, [, before]) => sum + before.length, 0) + places.indexOf(place)
              return (
                // The keys are the field's: the focus stays there.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
                <div key={place.to} id={`${id}-${nth}`} role="option" aria-selected={nth === current} onMouseMove={() => setAt(nth)} onClick={() => go(place)}>
                  <span className="quiet" aria-hidden>{place.icon}</span>{place.label}
                </div>
              )
            })}
          </div>
        ))}
        {all.length === 0 && <p className="quiet" role="status">{isAsking ? '…' : t('palette.none')}</p>}
      </div>
    </Dialog>
  )
}
