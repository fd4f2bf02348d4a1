import { App } from 'antd'
import { createElement, useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '../api/errors'
import { translated } from '../i18n'
import { ErrorDetails } from './ErrorDetails'

export interface ErrorText {
  /** The service's message, in the reader's language where the console knows it. */
  what: string
  /** The message as the service sent it, where that differs. */
  original: string
  /** The id of the request, which leads the operator to the reason. */
  id: string
}

/** An error in words for a person. */
export function useErrorText() {
  const { t } = useTranslation()
  return useCallback(
    (error: unknown): ErrorText => {
      if (!(error instanceof ApiError)) return { what: String(error), original: '', id: '' }
      const { status, message, requestId: id } = error
      if (status === 0) return { what: t('error.unreachable'), original: '', id }
      const what = message ? translated(message) : t('error.status', { status })
      return { what, original: what === message ? '' : message, id }
    },
    [t],
  )
}

/** Says that something failed. */
export function useFail() {
  const { notification } = App.useApp()
  const text = useErrorText()
  return useCallback(
    (title: string, error: unknown) => {
      // The session's end is told by the dialog that asks to sign in again.
      if (error instanceof ApiError && error.status === 401) return
      const said = text(error)
      notification.error({ title, description: createElement('div', null, said.what, createElement(ErrorDetails, { of: said })), duration: 12 })
    },
    [notification, text],
  )
}
