import { UnorderedListOutlined } from '@ant-design/icons'
import { Badge, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { paths } from '../paths'
import { useActivity } from './useActivity'

/** How many things are under way; the page says which. */
export function ActivityButton() {
  const { t } = useTranslation()
  const count = useActivity().underWay.length
  return (
    <Link to={paths.activity} aria-label={t('activity.count', { count })}>
      <span aria-hidden>
        <Badge count={count} size="small" offset={[-4, 4]}>
          <Button type="text" icon={<UnorderedListOutlined />} tabIndex={-1} />
        </Badge>
      </span>
    </Link>
  )
}
