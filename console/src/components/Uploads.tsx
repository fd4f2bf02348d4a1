// Uploads go on while a person walks through the console, so they live above the pages.
import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { currentProject } from '../api/http'
import { deleteImage } from '../api/images'
import { send } from '../api/upload'
import { useFail } from './useFail'

export interface Upload {
  id: string
  name: string
  sent: number
  size: number
  begunAt: string
  cancel: () => void
}

interface UploadsValue {
  uploads: Upload[]
  /** Sends a file; to the default store, unless one is named. `upload`: the rest of one that is begun. */
  begin: (id: string, name: string, file: File, more: { store?: string; upload?: string }) => void
}

const Context = createContext<UploadsValue>({ uploads: [], begin: () => undefined})
export const useUploads = () => use(Context)

export function Uploads({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  const { notification, message } = App.useApp()
  const fail = useFail()
  const queries = useQueryClient()
  const [uploads, setUploads] = useState<Upload[]>([])

  const begin = useCallback(
    (id: string, name: string, file: File, more: { store?: string; upload?: string }) => {
      let shown = 0
      // The person may go on in another project: the upload stays in its own.
      const project = currentProject()
      const upload = send({ id, file, project, ...more }, (sent) => {
        // A bar that moves four times a second is smooth enough.
        const now = Date.now()
        if (now - shown < 250 && sent < file.size) return
        shown = now
        setUploads((all) => all.map((one) => (one.id === id ? { ...one, sent } : one)))
      })
      setUploads((all) => [...all, { id, name, size: file.size, sent: 0, begunAt: new Date().toISOString(), cancel: upload.cancel }])
      upload.done
        .then(() => notification.success({ title: t('upload.done', { name }) }))
        .catch(async (error: unknown) => {
          if (!(error instanceof DOMException)) return fail(t('upload.failed', { name }), error)
          await deleteImage(id, project).catch(() => undefined)
          void message.info(t('upload.cancelled', { name }))
        })
        .finally(() => {
          setUploads((all) => all.filter((one) => one.id !== id))
          void queries.invalidateQueries({ queryKey: ['images'] })
        })
    },
    [fail, message, notification, queries, t],
  )

  const isUnderWay = uploads.length > 0
  useEffect(() => {
    if (!isUnderWay) return
    const warn = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [isUnderWay])

  const value = useMemo(() => ({ uploads, begin }), [uploads, begin])
  return <Context value={value}>{children}</Context>
}
