import { Tag } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Image } from '../../api/images'

/** An image's visibility. One declared Public or shared that others do not see yet says so, and why when pointed at. */
export function VisibilityTag({ image: { visibility, os_effigy_public: hold, os_effigy_public_why: why, os_effigy_sharing: sharing, os_effigy_sharing_why: whyNot } }: { image: Image }) {
  const { t } = useTranslation()
  if (sharing) return <Tag className="held" title={whyNot}>{t(`hold.sharing.${sharing}`)}</Tag>
  if (hold) return <Tag className="held" title={why}>{t(`hold.${hold}`)}</Tag>
  return <Tag className={visibility === 'shared' ? 'accent' : undefined}>{t(`visibility.${visibility}`)}</Tag>
}
