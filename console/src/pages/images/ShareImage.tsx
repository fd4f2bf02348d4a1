import { CheckCircleFilled, CloseCircleFilled, CloseOutlined, LockOutlined, PlusOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Input, Skeleton, Tag, Transfer } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { addMember, type Image, type Member, membersQuery, removeMember } from '../../api/images'
import { type Finding, highFindings, verificationQuery } from '../../api/verification'
import { Commands } from '../../components/Commands'
import { Name } from '../../components/Name'
import { useErrorText } from '../../components/useFail'
import { useProjectNames } from '../../components/useProjectNames'
import { useSession } from '../../components/useSession'
import { shareAsCommand, shareAsTerraform } from '../../lib/commands'
import { visible } from '../../lib/text'
import { FindingsAlert } from './Findings'
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

/** Two lists: the person's projects, and those that the image is shared with. A click moves one over. */
export function ShareImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const { t } = useTranslation()
  const members = useQuery(membersQuery(image.id))
  // The findings handed on with the image; where nobody can tell, nothing is said before the service does.
  const verification = useQuery({ ...verificationQuery(image.id), retry: false })
  const text = useErrorText()
  // Fetched, and not "loading": one that failed is loading again each time it is asked, and the choice would be lost.
  if (!members.data || !verification.isFetched)
    return (
      <Dialog title={t('share.title')} onCancel={onClose} footer={null} width={680}>
        {members.error ? <Alert type="error" showIcon title={text(members.error).what} /> : <Skeleton active />}
      </Dialog>
    )
  return <Lists image={image} members={members.data} handsOn={highFindings(verification.data)} onClose={onClose} />
}

function Lists({ image, members, handsOn, onClose }: { image: Image; members: Member[]; handsOn: Finding[]; onClose: () => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const text = useErrorText()
  const queries = useQueryClient()
  // Later answers do not move what the person is moving.
  const [before] = useState(() => members.map(({ member_id }) => member_id))
  const [shared, setShared] = useState(before)
  const [outcomes, setOutcomes] = useState<Outcome[]>([])
  // Projects that the person is not in, where the deployment lets images go there.
  const [named, setNamed] = useState<string[]>([])
  const knownAs = useProjectNames(members.length > 0)
  const entries = useMemo((): Entry[] => {
    const own = session.projects.filter(({ id }) => id !== image.owner).map(({ id, name }) => ({ key: id, name }))
    const foreign = before.filter((id) => !own.some(({ key }) => key === id)).map((id) => ({ key: id, name: knownAs(id) ?? id }))
    return [...own, ...foreign, ...named.map((id) => ({ key: id, name: id }))]
  }, [session.projects, image.owner, before, named, knownAs])
  const nameOf = (id: string) => entries.find(({ key }) => key === id)?.name ?? id
  const added = shared.filter((id) => !before.includes(id))
  const removed = before.filter((id) => !shared.includes(id))
  const pending = members.filter(({ status }) => status !== 'accepted').map(({ member_id }) => member_id)
  const done = outcomes.length > 0
  const warnings = [...new Set(outcomes.flatMap(({ warning }) => warning ?? []))]

  const commit = useMutation({
    mutationFn: async () => {
      const outcomes: Outcome[] = []
      // One after another: the first makes a private image shared.
      for (const [ids, isAdded] of [[added, true], [removed, false]] as const) {
        for (const id of ids) {
          try {
            const warning = (isAdded && (await addMember(image.id, id))) || undefined
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
      title={t('share.title')}
      width={680}
      onCancel={onClose}
      okText={done ? t('share.close') : t('share.submit')}
      cancelButtonProps={{ style: done ? { display: 'none' } : undefined }}
      okButtonProps={{ disabled: !done && added.length + removed.length === 0, loading: commit.isPending }}
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
                  {direction === 'right' && added.includes(key) && <Tag className="accent">{t('share.isNew')}</Tag>}
                  {direction === 'left' && removed.includes(key) && <Tag className="held">{t('share.willEnd')}</Tag>}
                  {pending.includes(key) && <span className="quiet"><LockOutlined /> {t('share.pending')}</span>}
                </button>
              </li>
            ))}
          </ul>
        )}
      </Transfer>
      <div className="unseen" aria-live="polite">{said}</div>
      {removed.length > 0 && !done && <Alert type="warning" showIcon style={{ marginTop: 12 }} title={t('ends.share')} />}
      {session.sharing === 'any' && !done && (
        <Input.Search style={{ marginTop: 12 }} aria-label={t('share.other')} placeholder={t('share.other')} enterButton={t('share.add')} onSearch={name} />
      )}
      {!done && added.length + removed.length > 0 && <Commands command={shareAsCommand(image.id, added, removed)} terraform={shareAsTerraform(image.id, added)} />}
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
