import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'
import { setShare, type Share, shareOf } from '../../api/shares'
import { FormDialog } from '../../components/FormDialog'
import { changedTerms, misfitOf, typedOf } from '../../lib/terms'
import { visible } from '../../lib/text'
import { TermsFields } from './TermsFields'

/** Changes the terms of a share. All of them are set anew, so those that were not changed here are sent as they are by now. */
export function EditTerms({ image, share, name, onClose }: { image: Image; share: Share; name: string; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  // Later answers do not change what the person is changing.
  const [typed, setTyped] = useState(() => typedOf(share))
  const save = useMutation({
    mutationFn: async () => setShare(image.id, share.project_id, changedTerms(typed, share, await shareOf(image.id, share.project_id))),
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries({ queryKey: ['images'] }),
  })
  return (
    <FormDialog<object> title={t('terms.editTitle', { project: visible(name) })} submit={t('terms.save')} width={560} isBusy={save.isPending} isDisabled={misfitOf(typed) !== undefined} error={save.error} onSubmit={() => save.mutate()} onClose={onClose}>
      <TermsFields value={typed} onChange={setTyped} />
    </FormDialog>
  )
}
