import { CloudUploadOutlined, PlusOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import type { Action } from '../../components/ActionsMenu'
import { Why } from '../../components/Why'

/** The action that an image is there for: to launch an instance; for a record that waits for its file, to send that. */
export function MainAction({ actions }: { actions: Action[] }) {
  const upload = actions.find(({ key, reason }) => key === 'upload' && reason === null)
  const action = upload ?? actions.find(({ key, reason }) => key === 'launch' && reason !== 'noInstances')
  if (!action) return null
  return (
    <Why reason={action.reason}>
      <Button type="primary" icon={upload ? <CloudUploadOutlined aria-hidden /> : <PlusOutlined aria-hidden />} disabled={action.reason !== null} onClick={action.run}>{action.label}</Button>
    </Why>
  )
}
