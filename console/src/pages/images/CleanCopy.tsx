import { ClearOutlined } from '@ant-design/icons'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import type { Image } from '../../api/images'
import { cleanCopy } from '../../api/verification'
import { useFail } from '../../components/useFail'
import { awaitImage } from '../../components/useOutcomes'
import { useSession } from '../../components/useSession'
import { Why } from '../../components/Why'
import { canWithImage } from '../../lib/can'
import { paths } from '../../paths'

/** Makes a copy without what can be cured, and goes to it. */
export function CleanCopy({ image }: { image: Image }) {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const fail = useFail()
  const queries = useQueryClient()
  const make = useMutation({
    mutationFn: () => cleanCopy(image.id),
    onError: (error) => fail(t('cleanCopy.title'), error),
    onSuccess: async (made) => {
      awaitImage(made.image.id)
      await queries.invalidateQueries({ queryKey: ['images'] })
      void navigate(paths.image(made.image.id))
    },
  })
  const reason = canWithImage('download', image, session)
  return (
    <div className="clean-copy">
      <p className="quiet">{t('cleanCopy.what')}</p>
      <Why reason={reason}>
        <Button size="small" icon={<ClearOutlined aria-hidden />} disabled={reason !== null} loading={make.isPending} onClick={() => make.mutate()}>{t('cleanCopy.title')}</Button>
      </Why>
    </div>
  )
}
