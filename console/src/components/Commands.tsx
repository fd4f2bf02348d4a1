import { Tabs } from 'antd'
import { useTranslation } from 'react-i18next'
import { CopyBlock } from '../ui/CopyBlock'

/** The same thing as an `openstack` command and, where there is a resource for it, as Terraform: to be copied. */
export function Commands({ command, terraform }: { command: string; terraform?: string }) {
  const { t } = useTranslation()
  return (
    <Tabs
      size="small"
      items={[
        { key: 'cli', label: 'openstack', children: <CopyBlock label={t('launch.asCommand')} text={command} /> },
        ...(terraform ? [{ key: 'tf', label: 'Terraform', children: <CopyBlock label={t('launch.asTerraform')} text={terraform} /> }] : []),
      ]}
    />
  )
}
