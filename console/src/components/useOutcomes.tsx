// Images take a while, and the person goes on meanwhile: how each ended is told wherever the person is by then.
import { useQueries } from '@tanstack/react-query'
import { App } from 'antd'
import { useEffect, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'
import { isGone } from '../api/errors'
import { currentProject } from '../api/http'
import { type Image, imageQuery, isBeingMade } from '../api/images'
import { visible } from '../lib/text'
import { PAGES, paths } from '../paths'
import { Told } from './Told'

interface Awaited {
  id: string
  project: string | undefined
}

let awaited: readonly Awaited[] = []
const listeners = new Set<() => void>()

function change(to: readonly Awaited[]) {
  awaited = to
  listeners.forEach((listener) => listener())
}

function listen(listener: () => void) {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** The key of the notices about an image: how it ended takes the place of that it was begun. */
export const noticeOf = (id: string) => `image ${id}`

/** The person asked for this image, and is told how it ended. */
export const awaitImage = (id: string) => change([...awaited.filter((one) => one.id !== id), { id, project: currentProject() }])

/** Whether it is made, or will not be. */
const hasEnded = (image: Image) => !isBeingMade(image) && (image.status !== 'queued' || !!image.effigy.reason)

/** Tells how the images that this tab asked for in the project have ended; not on an image's own page, which shows it. */
export function useOutcomes(project: string | undefined) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const { pathname } = useLocation()
  const all = useSyncExternalStore(listen, () => awaited)
  const here = all.filter((one) => one.project === project)
  const answers = useQueries({ queries: here.map(({ id }) => ({ ...imageQuery(id), refetchInterval: 2000 })) })
  useEffect(() => {
    answers.forEach(({ data: image, error }, n) => {
      const id = here[n]?.id ?? ''
      if (!(image && hasEnded(image)) && !isGone(error)) return
      change(awaited.filter((one) => one.id !== id))
      if (!image || isGone(error) || pathname === PAGES.image.replace(':id', id)) return
      const name = visible(image.name ?? id)
      const link = <Link to={paths.image(id)}>{t('createImage.watch')}</Link>
      if (!image.effigy.reason) return notification.success({ key: noticeOf(id), title: t('outcome.imageReady', { name }), description: link })
      notification.error({ key: noticeOf(id), title: t('outcome.imageFailed', { name }), description: <><p><Told>{image.effigy.reason}</Told></p>{link}</>, duration: 0 })
    })
  })
}
