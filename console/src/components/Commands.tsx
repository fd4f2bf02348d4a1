import { Tabs } from 'antd'
import { useTranslation } from 'react-i18next'
import { CopyBlock } from '../ui/CopyBlock'

/** The same thing as a command, of `openstack` where that knows it, and, where there is a resource for it, as Terraform: to be copied. */
export function Commands({ command, by = 'openstack', terraform }: { command: string; by?: 'openstack' | 'curl'; terraform?: string }) {
  const { t } = useTranslation()
  return (
    <Tabs
      size="small"
      items={[
        { key: 'cli', label: by, children: <CopyBlock label={t(by === 'curl' ? 'terms.asCurl' : 'launch.asCommand')} text={command} /> },
        ...(terraform ? [{ key: 'tf', label: 'Terraform', children: <CopyBlock label={t('launch.asTerraform')} text={terraform} /> }] : []),
      ]}
    />
  )
}
