import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button } from 'antd'
import { createElement } from 'react'
import { useTranslation } from 'react-i18next'
import { decide, offeredQuery } from '../../api/images'
import { offersQuery } from '../../api/shares'
import { useActivity } from '../../components/useActivity'
import { useFail } from '../../components/useFail'
import { useSession } from '../../components/useSession'
import { visible } from '../../lib/text'

interface Decision {
  id: string
  name: string | null
  status: 'accepted' | 'rejected'
}

/** The images that other projects offer this one, and its answers; each can be taken back. */
export function useOffers(isShown: boolean) {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const fail = useFail()
  const session = useSession()
  const queries = useQueryClient()
  const { offers: count } = useActivity()
  const isAsked = isShown && count > 0
  const { data = [] } = useQuery({ ...offeredQuery, enabled: isAsked })
  // The records of the images do not have what the owner says with them.
  const { data: terms } = useQuery({ ...offersQuery, enabled: isAsked })
  const answer = useMutation({
    mutationFn: ({ id, status }: Decision) => decide(id, session.project?.id ?? '', status),
    onSuccess: (_, { id, name, status }) => {
      const key = `offer ${id}`
      const undo = () => {
        notification.destroy(key)
        answer.mutate({ id, name, status: status === 'accepted' ? 'rejected' : 'accepted' })
      }
      notification.success({
        key,
        title: t(`offer.${status}`, { name: visible(name ?? id) }),
        actions: status === 'rejected' ? createElement(Button, { size: 'small', onClick: undo }, t('offer.undo')) : undefined,
        duration: 8,
      })
    },
    onError: (error) => fail(t('offered.failed'), error),
    onSettled: () => queries.invalidateQueries({ queryKey: ['images'] }),
  })
  return { count, offered: isAsked ? data : [], terms, answer: answer.mutate }
}
