import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Flavor, flavorsQuery } from '../../api/flavors'
import { imageQuery } from '../../api/images'
import { type Instance, resizeInstance } from '../../api/instances'
import { FlavorPicker } from '../../components/FlavorPicker'
import { FormDialog } from '../../components/FormDialog'
import { useSession } from '../../components/useSession'
import { bytes } from '../../lib/bytes'
import { diskOf, unfit } from '../../lib/resize'

const MIB = 1024 ** 2

/** Another flavor for an instance. It is asked about once more when the instance has it: see `StateNotice`. */
export function Resize({ instance, onClose }: { instance: Instance; onClose: () => void }) {
  const { t } = useTranslation()
  const session = useSession()
  const queries = useQueryClient()
  const [chosen, setChosen] = useState<string>()
  const { data: flavors = [], isPending, error } = useQuery(flavorsQuery)
  const imageId = instance.image === '' ? '' : instance.image.id
  // One that is gone sets no bounds here; the service knows them all.
  const image = useQuery({ ...imageQuery(imageId), enabled: imageId !== '', refetchInterval: false }).data
  const whyNot = (flavor: Flavor) => {
    switch (unfit(flavor, instance.flavor, image, session.of_cloud)) {
      case 'current':
        return t('resize.current')
      case 'smaller':
        return t('resize.smaller', { size: bytes(diskOf(instance.flavor, image)) })
      case 'memory':
        return t('launch.needs', { what: bytes((image?.min_ram ?? 0) * MIB) })
      default:
        return ''
    }
  }
  const isPossible = flavors.some((flavor) => flavor.id === chosen && whyNot(flavor) === '')
  const resize = useMutation({
    mutationFn: (flavor: string) => resizeInstance(instance.id, flavor),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['instances'] })
      onClose()
    },
  })
  return (
    <FormDialog
      title={t('resize.title')}
      submit={t('resize.submit')}
      isDisabled={!isPossible}
      isBusy={resize.isPending}
      error={resize.error ?? error}
      onSubmit={() => chosen && resize.mutate(chosen)}
      onClose={onClose}
      width={560}
    >
      {instance.status === 'ACTIVE' && <Alert type="warning" showIcon className="notice" title={t('resize.restarts')} />}
      <FlavorPicker flavors={flavors} isPending={isPending} value={chosen} onChange={setChosen} whyNot={whyNot} />
      <p className="quiet" style={{ marginBottom: 0 }}>{t('resize.hint')}</p>
      {!isPossible && <p className="quiet" style={{ marginBottom: 0 }}>{t('reason.noFlavorChosen')}</p>}
    </FormDialog>
  )
}
