import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Form, Input, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { deleteProject, type ProjectRecord } from '../../api/identity'
import { deleteImage, imagesOfProjectQuery, MOST_COUNTED } from '../../api/images'
import { deleteInstance, instancesOfProjectQuery } from '../../api/instances'
import { FormDialog } from '../../components/FormDialog'
import { useSession } from '../../components/useSession'

/** Counts the instances and images of a project, and takes them along; without its project nobody could reach them. */
export function DeleteProject({ project, onClose }: { project: ProjectRecord; onClose: () => void }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const { runs_instances } = useSession()
  const images = useQuery(imagesOfProjectQuery(project.id))
  const instances = useQuery({ ...instancesOfProjectQuery(project.id), enabled: runs_instances })
  const isCounted = images.data !== undefined && (!runs_instances || instances.data !== undefined)
  const [ofImages, ofInstances] = [images.data ?? [], instances.data ?? []]
  const isEmpty = ofImages.length + ofInstances.length === 0
  const isTooMuch = ofImages.length >= MOST_COUNTED || ofInstances.length >= MOST_COUNTED
  const remove = useMutation({
    mutationFn: async () => {
      for (const { id } of ofInstances) await deleteInstance(id)
      for (const { id } of ofImages) await deleteImage(id)
      await deleteProject(project.id)
    },
    onSuccess: onClose,
    onSettled: () => queries.invalidateQueries(),
  })
  const isItsName = (_: unknown, typed?: string) => (typed === project.name ? Promise.resolve() : Promise.reject(new Error(t('projects.delete.type'))))
  return (
    <FormDialog
      title={t('projects.delete.title', { name: project.name })}
      submit={t('projects.delete.submit')}
      isDanger
      isDisabled={!isCounted || isTooMuch}
      isBusy={remove.isPending}
      error={remove.error ?? images.error ?? instances.error}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      <p style={{ marginTop: 0 }}>{t('projects.delete.what')}</p>
      {!isCounted && <Skeleton active title={false} paragraph={{ rows: 2 }} />}
      {isTooMuch && <Alert type="warning" showIcon className="notice" title={t('projects.delete.more')} />}
      {isCounted && !isEmpty && (
        <>
          <ul className="plain-list" style={{ marginBottom: 14 }}>
            {ofInstances.length > 0 && <li>{t('projects.delete.instances', { count: ofInstances.length })}</li>}
            {ofImages.length > 0 && <li>{t('projects.delete.images', { count: ofImages.length })}</li>}
          </ul>
          <Form.Item name="name" label={t('projects.delete.type')} rules={[{ validator: isItsName }]} validateTrigger="onSubmit">
            <Input autoComplete="off" placeholder={project.name} />
          </Form.Item>
        </>
      )}
    </FormDialog>
  )
}
