import { App } from 'antd'
import { createElement, useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors'

/** An error in words for a person: the API's message, and the id of the request. */
export function useErrorText() {
  const { t } = useTranslation()
  return useCallback(
    (error: unknown): { what: string; id: string } => {
      if (!(error instanceof ApiError)) return { what: String(error), id: '' }
      const what = error.status === 0 ? t('error.unreachable') : error.message || t('error.status', { status: error.status })
      return { what, id: error.requestId }
    },
    [t],
  )
}

/** Says that something failed. */
export function useFail() {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const text = useErrorText()
  return useCallback(
    (title: string, error: unknown) => {
      // The session's end is told by the dialog that asks to sign in again.
      if (error instanceof ApiError && error.status === 401) return
      const { what, id } = text(error)
      const idLine = id && createElement('div', { className: 'quiet mono' }, t('error.request', { id }))
      notification.error({ title, description: createElement('div', null, what, idLine), duration: 12 })
    },
    [notification, t, text],
  )
}
