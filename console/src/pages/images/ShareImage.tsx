import { CheckCircleFilled, CloseCircleFilled, CloseOutlined, LockOutlined, PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Input, Skeleton, Tag, Transfer } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Image, removeMember } from '../../api/images'
import { allSharesQuery, type Share, shareImage } from '../../api/shares'
import { type Finding, highFindings, verificationQuery } from '../../api/verification'
import { Commands } from '../../components/Commands'
import { Name } from '../../components/Name'
import { Rests } from '../../components/Rests'
import { Until } from '../../components/Until'
import { useErrorText } from '../../components/useFail'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { shareAsCommand, shareAsTerraform, shareOnTermsAsCommand } from '../../lib/commands'
import { misfitOf, NO_TERMS, termsOf } from '../../lib/terms'
import { visible } from '../../lib/text'
import { FindingsAlert } from './Findings'
import { TermsFields } from './TermsFields'
import { Dialog } from '../../ui/Dialog'

interface Outcome {
  project: string
  isAdded: boolean
  /** Why it failed, or nothing. */
  error?: string
  /** The service's warning, or nothing. */
  warning?: string
}

interface Entry {
  key: string
  name: string
}

/** Two lists: the person's projects, and those that the image is shared with. A click moves one over; the terms are those of the new ones. */
export function ShareImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const { t } = useTranslation()
  const shares = useQuery(allSharesQuery(image.id))
  // The findings handed on with the image; where nobody can tell, nothing is said before the service does.
  const verification = useQuery({ ...verificationQuery(image.id), retry: false })
  const text = useErrorText()
  // Fetched, and not "loading": one that failed is loading again each time it is asked, and the choice would be lost.
  if (!shares.data || !shares.isFetchedAfterMount || !verification.isFetched)
    return (
      <Dialog title={t('share.title')} onCancel={onClose} footer={null} width={680}>
        {shares.error ? <Alert type="error" showIcon title={text(shares.error).what} /> : <Skeleton active />}
      </Dialog>
    )
  return <Lists image={image} shares={shares.data} handsOn={highFindings(verification.data)} onClose={onClose} />
}

function Lists({ image, shares, handsOn, onClose }: { image: Image; shares: Share[]; handsOn: Finding[]; onClose: () => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const text = useErrorText()
  const queries = useQueryClient()
  // Later answers do not move what the person is moving.
  const [before] = useState(() => shares.map(({ project_id }) => project_id))
  const [shared, setShared] = useState(before)
  const [outcomes, setOutcomes] = useState<Outcome[]>([])
  // Projects that the person is not in, where the deployment lets images go there.
  const [named, setNamed] = useState<string[]>([])
  const knownAs = useProjectNames(shares.length > 0)
  const entries = useMemo((): Entry[] => {
    const own = session.projects.filter(({ id }) => id !== image.owner).map(({ id, name }) => ({ key: id, name }))
    const foreign = before.filter((id) => !own.some(({ key }) => key === id)).map((id) => ({ key: id, name: knownAs(id) ?? id }))
    return [...own, ...foreign, ...named.map((id) => ({ key: id, name: id }))]
  }, [session.projects, image.owner, before, named, knownAs])
  const nameOf = (id: string) => entries.find(({ key }) => key === id)?.name ?? id
  const added = shared.filter((id) => !before.includes(id))
  const removed = before.filter((id) => !shared.includes(id))
  const pending = shares.filter(({ status }) => status !== 'accepted').map(({ project_id }) => project_id)
  const endsAt = (id: string) => shares.find(({ project_id }) => project_id === id)?.expires_at
  const [typed, setTyped] = useState(NO_TERMS)
  const isMisfit = added.length > 0 && misfitOf(typed) !== undefined
  const terms = termsOf(typed)
  const hasTerms = added.length > 0 && Object.keys(terms).length > 0
  const done = outcomes.length > 0
  const warnings = [...new Set(outcomes.flatMap(({ warning }) => warning ?? []))]

  const commit = useMutation({
    mutationFn: async () => {
      const outcomes: Outcome[] = []
      // One after another: the first makes a private image shared.
      for (const [ids, isAdded] of [[added, true], [removed, false]] as const) {
        for (const id of ids) {
          try {
            const warning = (isAdded && (await shareImage(image.id, id, terms))) || undefined
            if (!isAdded) await removeMember(image.id, id)
            outcomes.push({ project: nameOf(id), isAdded, warning })
          } catch (error) {
            outcomes.push({ project: nameOf(id), isAdded, error: text(error).what })
          }
        }
      }
      return outcomes
    },
    onSuccess: (outcomes) => {
      setOutcomes(outcomes)
      void queries.invalidateQueries({ queryKey: ['images'] })
    },
  })
  const [said, say] = useState('')
  const move = (id: string, from: HTMLElement) => {
    // The row goes to the other list: the focus goes on to its neighbour, or to the list when that was the last.
    const row = from.closest('li')
    const next = (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector('button') ?? row?.parentElement
    requestAnimationFrame(() => next?.focus())
    say(t(shared.includes(id) ? 'share.movedBack' : 'share.moved', { project: nameOf(id) }))
    setShared((was) => (was.includes(id) ? was.filter((one) => one !== id) : [...was, id]))
  }
  const name = (id: string) => {
    const typed = id.trim()
    if (!typed || entries.some(({ key }) => key === typed)) return
    setNamed((was) => [...was, typed])
    setShared((was) => [...was, typed])
  }
  return (
    <Dialog
      className="share"
      style={{ top: 40 }}
      title={t('share.title')}
      width={680}
      onCancel={onClose}
      okText={done ? t('share.close') : t('share.submit')}
      cancelButtonProps={{ style: done ? { display: 'none' } : undefined }}
      okButtonProps={{ disabled: !done && (added.length + removed.length === 0 || isMisfit), loading: commit.isPending }}
      onOk={() => (done ? onClose() : commit.mutate())}
    >
      {handsOn.length > 0 && !done && <FindingsAlert title={t('hands.on')} findings={handsOn} />}
      <p className="quiet" style={{ marginTop: 0 }}>{t('share.what', { name: image.name ?? image.id })}</p>
      {entries.length === 0 && <Alert type="info" showIcon style={{ marginBottom: 12 }} title={t('share.noProjects')} />}
      <Transfer<Entry>
        dataSource={entries}
        targetKeys={shared}
        selectedKeys={[]}
        showSearch
        showSelectAll={false}
        disabled={done || commit.isPending}
        // Our own heads: the component's put the number first and the title on the other side.
        selectAllLabels={[0, 1].map(() => <span key="none" />)}
        titles={[
          <ListHead key="left" title={t('share.projects')} count={entries.length - shared.length} change={removed.length > 0 ? t('ends.ending', { count: removed.length }) : ''} />,
          <ListHead key="right" title={t('share.shared')} count={shared.length} change={added.length > 0 ? t('ends.new', { count: added.length }) : ''} />,
        ]}
        filterOption={(typed, { name }) => name.toLowerCase().includes(typed.toLowerCase())}
        locale={{ searchPlaceholder: t('share.search') }}
      >
        {({ direction, filteredItems }) => (
          <ul className="share-list" tabIndex={-1} aria-label={direction === 'left' ? t('share.projects') : t('share.shared')}>
            {filteredItems.map(({ key, name }) => (
              <li key={key}>
                <button type="button" title={t(direction === 'left' ? 'ends.move' : 'ends.moveBack', { project: visible(name) })} disabled={done || commit.isPending} onClick={({ currentTarget }) => move(key, currentTarget)}>
                  <span className="share-sign" aria-hidden>{direction === 'left' ? <PlusOutlined /> : <CloseOutlined />}</span>
                  <span className="share-name"><Name>{name}</Name></span>
                  <span className="share-marks">
                    {direction === 'right' && added.includes(key) && <Tag className="accent">{t('share.isNew')}</Tag>}
                    {direction === 'left' && removed.includes(key) && <Tag className="held">{t('share.willEnd')}</Tag>}
                    {!removed.includes(key) && endsAt(key) && <span className="quiet small"><Until at={endsAt(key) ?? ''} isShort /></span>}
                    {pending.includes(key) && <span className="quiet"><LockOutlined /> {t('share.pending')}</span>}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Transfer>
      <div className="unseen" aria-live="polite">{said}</div>
      {removed.length > 0 && !done && <Alert type="warning" showIcon style={{ marginTop: 12 }} title={t('ends.share')} description={<Rests act="end" images={[{ id: image.id, stored: null }]} onLeave={onClose} />} />}
      {session.sharing === 'any' && !done && (
        <Input.Search style={{ marginTop: 12 }} aria-label={t('share.other')} placeholder={t('share.other')} enterButton={t('share.add')} onSearch={name} />
      )}
      {!done && added.length > 0 && <TermsFields value={typed} onChange={setTyped} isFolded />}
      {!done && added.length + removed.length > 0 && !isMisfit && (
        hasTerms ? <Commands by="curl" command={shareOnTermsAsCommand(location.origin, image.id, added, removed, terms)} /> : <Commands command={shareAsCommand(image.id, added, removed)} terraform={shareAsTerraform(image.id, added)} />
      )}
      {done && (
        <div role="status">
          <ul className="outcomes">
            {outcomes.map(({ project, isAdded, error }) => (
              <li key={project}>
                {error ? <CloseCircleFilled style={{ color: 'var(--ant-color-error)' }} /> : <CheckCircleFilled style={{ color: 'var(--ant-color-success)' }} />}{' '}
                {error ? t('share.failed', { project, error }) : isAdded ? t('share.added', { project }) : t('share.removed', { project })}
              </li>
            ))}
          </ul>
        </div>
      )}
      {/* The findings in the person's language; the service's own words where they are not known here. */}
      {warnings.length > 0 && <FindingsAlert title={t('hands.said')} findings={handsOn} others={handsOn.length > 0 ? [] : warnings} />}
    </Dialog>
  )
}

/** The head of one of the lists: its title, its number, and how many have come to it. */
function ListHead({ title, count, change }: { title: string; count: number; change: string }) {
  const { t } = useTranslation()
  return <span className="share-head"><strong>{title}</strong> <span className="quiet number">{t('ends.projects', { count })}{change && ` · ${change}`}</span></span>
}
